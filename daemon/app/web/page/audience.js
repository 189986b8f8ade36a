// How many came, of which age and gender, and when: sums only. Every number of a chart also stands
// in the table below it.

import {address, getJson} from './api.js';
import {agesChart, visitsChart} from './chart.js';
import {byId, el, fillChoices, fillForm, keepInAddress, notice, readForm, table} from './dom.js';
import {Sight, repeat} from './repeat.js';
import * as time from './time.js';
import * as words from './words.js';

const REFRESH_MS = 60000;
const GENDERS = ['female', 'male', 'unknown'];

export function show(session, params, signal) {
    const form = byId('audience-form');
    fillChoices(byId('audience-camera'), session.cameras);
    fillForm(form, params);
    const view = {form, signal, turn: 0, shown: null};
    form.addEventListener('change', (event) => choose(view, event.target.name), {signal});
    form.addEventListener('submit', (event) => event.preventDefault(), {signal});
    redrawOnResize(view);
    showOwnDates(form);
    byId('view-audience').setAttribute('aria-busy', 'true');
    repeat(async () => {
        await load(view);
        return REFRESH_MS;
    }, new Sight(null, signal), signal);
}

function choose(view, changed) {
    if (changed === 'period')
        fitToPeriod(view.form);
    keepInAddress('audience', readForm(view.form));
    byId('view-audience').setAttribute('aria-busy', 'true');
    load(view);
}

// One day by days, or a week by hours, is seldom what was meant.
function fitToPeriod(form) {
    const {period, by, from, to} = form.elements;
    if (by.value === 'day' || by.value === 'hour')
        by.value = period.value === 'today' ? 'hour' : 'day';
    from.value ||= time.shiftDate(time.date(Date.now()), -6);
    to.value ||= time.date(Date.now());
    showOwnDates(form);
}

function showOwnDates(form) {
    for (const line of form.querySelectorAll('.own'))
        line.hidden = form.elements.period.value !== 'own';
}

function question(form) {
    const {period, by, camera, from, to} = readForm(form);
    return {by, camera, ...span(period, from, to)};
}

// Up to now and not to the end of today, or the week before would have more hours.
function span(period, from, to) {
    const now = new Date();
    if (period !== 'own')
        return times(time.midnight(period === 'today' ? 0 : period - 1), now);
    const since = from ? time.moment(from) : time.midnight(6);
    const end = to ? time.moment(time.shiftDate(to, 1)) : now;
    return times(since, end > now && since < now ? now : end);
}

function times(since, until) {
    return {since: since.toISOString(), until: until.toISOString()};
}

async function load(view) {
    const turn = ++view.turn;
    try {
        const query = question(view.form);
        byId('audience-csv').href = address('audience', {...query, format: 'csv'});
        byId('audience-json').href = address('audience', query);
        const sums = await getJson('audience', query, view.signal);
        if (turn !== view.turn)
            return;
        notice(byId('audience-notice'), null);
        fill(view, sums);
    } catch (e) {
        if (view.signal.aborted || turn !== view.turn)
            return;
        notice(byId('audience-notice'), e.message);
    }
    byId('view-audience').removeAttribute('aria-busy');
}

function fill(view, sums) {
    view.shown = {sums, groups: sums.groups.map((group) => label(group, sums.by))};
    summarise(sums);
    draw(view.shown);
    tabulate(view.shown);
}

function label(group, by) {
    const long = {hour: (key) => `${key.padStart(2, '0')}:00`, day: time.dayOf};
    const short = {hour: (key) => key.padStart(2, '0'), weekday: (key) => key.slice(0, 3),
        day: (key) => time.dayOf(key).replace(/^\w+,? /, '')};
    const same = (key) => key;
    return {...group, label: (long[by] ?? same)(group.key),
        shortLabel: (short[by] ?? same)(group.key)};
}

function summarise(sums) {
    const summary = byId('audience-summary');
    const sentence = [el('strong', {}, words.people(sums.people)), ` ${when(sums)}${comparison(sums)}.`,
        sums.stay_s === null ? '' : ` They stayed ${words.duration(sums.stay_s)} on average.`];
    const news = el('p', {}, ...sentence);
    if (news.textContent !== summary.textContent)
        summary.replaceChildren(...news.childNodes);
}

function when({since, until}) {
    const first = time.day(since);
    const last = time.day(Date.parse(until) - 1);
    return first === last ? `on ${first}` : `from ${first} to ${last}`;
}

function comparison({week_before: before}) {
    if (before.change === null)
        return before.people ? '' : '; nobody was counted a week before';
    const share = Math.round(Math.abs(before.change) * 100);
    const number = words.number(before.people);
    if (share === 0)
        return `, about as many as a week before (${number})`;
    const more = before.change > 0 ? 'more' : 'fewer';
    return `, ${share}\u00a0% ${more} than a week before (${number})`;
}

function draw({sums, groups}) {
    const visits = byId('visits-chart');
    const ages = byId('ages-chart');
    const most = groups.reduce((best, g) => !best || g.people > best.people ? g : best, null);
    visits.replaceChildren(visitsChart(groups, {
        width: visits.clientWidth,
        title: `Visits by ${words.grouping(sums.by)}`,
        description: most?.people ? `Most people: ${most.label}, ${words.number(most.people)}.`
            : 'Nobody was counted.',
    }));
    ages.replaceChildren(agesChart(sums.ages_by_gender, {
        width: ages.clientWidth,
        title: 'People by age and gender',
        description: GENDERS.map((g) => `${g}: ${words.number(sums.genders[g])}`).join(', ') + '.',
    }));
}

function tabulate({sums, groups}) {
    const n = words.number;
    table(byId('visits-table'), `Visits by ${words.grouping(sums.by)}`,
            [words.grouping(sums.by), 'people', 'a week before', 'mean stay'],
            groups.map((g) => [g.label, n(g.people), g.before == null ? '\u2013' : n(g.before),
                g.stay_s === null ? '\u2013' : words.duration(g.stay_s)]));
    table(byId('ages-table'), 'People by age and gender',
            ['age', ...GENDERS, 'all'],
            [...Object.entries(sums.ages_by_gender).map(([age, counts]) =>
                [words.range(age), ...GENDERS.map((g) => n(counts[g])), n(sums.ages[age])]),
            ['all', ...GENDERS.map((g) => n(sums.genders[g])), n(sums.people)]]);
}

function redrawOnResize(view) {
    let width = 0;
    const observer = new ResizeObserver(() => {
        const now = byId('visits-chart').clientWidth;
        if (now !== width && view.shown)
            draw(view.shown);
        width = now;
    });
    observer.observe(byId('visits-chart'));
    view.signal.addEventListener('abort', () => observer.disconnect());
}
