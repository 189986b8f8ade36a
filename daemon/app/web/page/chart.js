// Draws the two charts of the audience as SVG, at the width they are shown in, so that their text
// has the size of the page's. Colours are the style sheet's; each chart has a table beside it, so
// for a screen reader it is one image with a title and a description.

import {svg} from './dom.js';
import {number, range} from './words.js';

const LETTER = 7; // pixels, about, in the charts' text
let charts = 0;

// groups: [{label, shortLabel, people, before}]
export function visitsChart(groups, {width, title, description}) {
    const height = 230, top = 12, bottom = 26;
    const scale = niceScale(Math.max(...groups.map((g) => Math.max(g.people, g.before ?? 0))));
    const left = number(scale.top).length * LETTER + 10;
    const step = (width - left) / Math.max(groups.length, 1);
    const y = (n) => height - bottom - (height - top - bottom) * n / scale.top;
    const chart = frame(width, height, title, description);
    for (const tick of scale.ticks)
        chart.append(
            svg('line', {class: 'grid', x1: left, x2: width, y1: y(tick), y2: y(tick)}),
            svg('text', {class: 'tick', x: left - 6, y: y(tick) + 4, 'text-anchor': 'end'},
                number(tick)));
    groups.forEach((group, i) => chart.append(...visit(group, left + i * step, step, y)));
    chart.append(...xLabels(groups, left, step, height - 6));
    return chart;
}

function visit(group, x, step, y) {
    const bar = Math.min(Math.max(step * 0.66, 1), 56);
    const start = x + (step - bar) / 2;
    const over = Math.min(step * 0.12, 5);
    const tip = `${group.label}: ${number(group.people)}; a week before: ${number(group.before ?? 0)}`;
    return [
        svg('rect', {class: 'visits', x: start, width: bar, y: y(group.people),
            height: y(0) - y(group.people)}, svg('title', {}, tip)),
        group.before == null ? null
            : svg('line', {class: 'before', x1: start - over, x2: start + bar + over,
                y1: y(group.before), y2: y(group.before)}, svg('title', {}, tip)),
    ].filter(Boolean);
}

// As many labels as there is room for, each shortened to its room.
function xLabels(groups, left, step, y) {
    const ROOM = 10;
    const longest = Math.max(0, ...groups.map((g) => g.shortLabel.length)) * LETTER + ROOM;
    const every = groups.length > 12 ? Math.ceil(longest / step) : 1;
    const letters = Math.max(Math.floor((step * every - 4) / LETTER), 1);
    return groups.flatMap((group, i) => i % every ? [] : [
        svg('text', {class: 'tick', x: left + (i + 0.5) * step, y, 'text-anchor': 'middle'},
            shorten(group.shortLabel, letters))]);
}

function shorten(text, letters) {
    return text.length <= letters ? text : text.slice(0, Math.max(letters - 1, 1)) + '\u2026';
}

// ages: {"25-32": {female, male, unknown}, ...}: three bars for each age, one below the other.
export function agesChart(ages, {width, title, description}) {
    const bar = 10, gap = 2, between = 12, left = 72, right = 52;
    const kinds = ['female', 'male', 'unknown'];
    const block = kinds.length * (bar + gap) + between;
    const most = Math.max(1, ...Object.values(ages).flatMap((n) => kinds.map((kind) => n[kind])));
    const length = (n) => (width - left - right) * n / most;
    const rows = Object.entries(ages);
    const chart = frame(width, rows.length * block, title, description);
    rows.forEach(([age, counts], i) => {
        const y = i * block + between / 2;
        chart.append(svg('text', {class: 'label', x: left - 10, y: y + block / 2 - 3,
            'text-anchor': 'end'}, range(age)));
        chart.append(svg('line', {class: 'axis', x1: left, x2: left, y1: y - 1,
            y2: y + block - between}));
        kinds.forEach((kind, k) => chart.append(
            ...ageBar(kind, counts[kind], left, y + k * (bar + gap), bar, length)));
    });
    return chart;
}

function ageBar(kind, n, x, y, height, length) {
    if (!n)
        return [];
    return [
        svg('rect', {class: kind, x: x + 1, y, width: Math.max(length(n), 1), height}),
        svg('text', {class: 'value', x: x + length(n) + 6, y: y + height - 1}, number(n)),
    ];
}

function frame(width, height, title, description) {
    const id = `chart-${++charts}`;
    return svg('svg', {role: 'img', viewBox: `0 0 ${width} ${height}`, width, height,
        'aria-labelledby': `${id}-title ${id}-desc`},
            svg('title', {id: `${id}-title`}, title),
            svg('desc', {id: `${id}-desc`}, description));
}

// Ticks at 1, 2 or 5 times a power of ten, about four of them.
export function niceScale(most) {
    const rough = Math.max(most, 1) / 4;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = Math.max(1, [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough));
    const count = Math.max(1, Math.ceil(most / step));
    return {top: count * step, ticks: Array.from({length: count + 1}, (_, i) => i * step)};
}
