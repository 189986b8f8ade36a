#include "track/assign.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>

/*
 * Behind the real columns stands one more for each row, where it may be alone. Counting starts
 * at 1 as in the textbook form: row 0 and column 0 mean "none".
 */
#define WIDTH (2 * ASSIGN_MAX + 1)

struct board {
    const float *cost;
    int rows, cols;
    double alone;
    double u[ASSIGN_MAX + 1], v[WIDTH]; /* the potentials of rows and columns */
    int row_of[WIDTH];                  /* who holds the column; 0: free */
    int before[WIDTH];                  /* the column before it on the shortest path */
    double dist[WIDTH];
    bool done[WIDTH];
};

static double cost_at(const struct board *b, int row, int col)
{
    if (col > b->cols)
        return b->alone;
    float c = b->cost[(row - 1) * b->cols + (col - 1)];
    return c < b->alone ? c : INFINITY;
}

/* Gives row a column, moving others on where that is cheaper in sum. */
static void place(struct board *b, int row)
{
    int width = b->cols + b->rows;
    for (int j = 0; j <= width; j++) {
        b->dist[j] = INFINITY;
        b->done[j] = false;
    }
    b->row_of[0] = row;
    int col = 0;
    while (b->row_of[col] != 0) {
        int r = b->row_of[col], next = 0;
        double least = INFINITY;
        b->done[col] = true;
        for (int j = 1; j <= width; j++) {
            if (b->done[j])
                continue;
            double d = cost_at(b, r, j) - b->u[r] - b->v[j];
            if (d < b->dist[j]) {
                b->dist[j] = d;
                b->before[j] = col;
            }
            if (b->dist[j] < least) {
                least = b->dist[j];
                next = j;
            }
        }
        /* A row can always be alone, so there is always a finite way on. */
        for (int j = 0; j <= width; j++) {
            if (b->done[j]) {
                b->u[b->row_of[j]] += least;
                b->v[j] -= least;
            } else {
                b->dist[j] -= least;
            }
        }
        col = next;
    }
    while (col != 0) {
        int from = b->before[col];
        b->row_of[col] = b->row_of[from];
        col = from;
    }
}

void assign(const float *cost, int rows, int cols, float alone, int *ret_col)
{
    assert(rows >= 0 && rows <= ASSIGN_MAX && cols >= 0 && cols <= ASSIGN_MAX);
    struct board b = {.cost = cost, .rows = rows, .cols = cols, .alone = alone};
    for (int r = 1; r <= rows; r++) {
        place(&b, r);
        ret_col[r - 1] = -1;
    }
    for (int j = 1; j <= cols; j++) {
        if (b.row_of[j] != 0)
            ret_col[b.row_of[j] - 1] = j - 1;
    }
}
