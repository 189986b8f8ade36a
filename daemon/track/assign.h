#pragma once

/*
 * Who goes with whom: the one-to-one assignment of least total cost.
 *
 * Taking the nearest pair first gives two people that cross one another's names; the sum over
 * all pairs decides better. A row may also stay alone, at the price `alone`; so a pair whose
 * cost is not below that price is never made, and INFINITY or NAN forbids one.
 *
 * The method is the shortest augmenting path of Jonker and Volgenant (1987) in the form of the
 * Hungarian algorithm with potentials: O(rows^2 * (rows + cols)), no allocation.
 */
#define ASSIGN_MAX 256 /* rows, and columns */

/*
 * cost is rows * cols, row by row; its finite values and `alone` lie within +-1e6. Writes to
 * ret_col, for each row, its column, or -1.
 */
void assign(const float *cost, int rows, int cols, float alone, int *ret_col);
