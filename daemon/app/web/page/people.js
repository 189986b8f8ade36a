// The people, one row each, the newest first. Rows come, change and end by the server's events; what
// does not match the filters stays out.

import {address, follow, getJson} from './api.js';
import {announce, byId, el, fillChoices, fillForm, keepInAddress, notice, readForm, setText}
    from './dom.js';
import * as time from './time.js';
import * as words from './words.js';

const PAGE = 100;
const ANNOUNCE_MS = 1000;

export function show(session, params, signal) {
    const form = byId('people-form');
    fillChoices(byId('people-camera'), session.cameras);
    fillChoices(byId('people-age'), [...session.age_ranges, 'unknown'], words.range);
    fillForm(form, params);
    const list = new List(session, form, signal);
    form.addEventListener('change', () => list.filter(), {signal});
    form.addEventListener('submit', (event) => event.preventDefault(), {signal});
    form.addEventListener('reset', () => setTimeout(() => list.filter()), {signal});
    byId('people-older').addEventListener('click', () => list.older(), {signal});
    list.load();
    if (session.aggregate_only)
        setText(byId('people-link'), '');
    else
        list.follow();
}

class List {
    rows = new Map(); // by id, in any order; the table has the order
    most = PAGE;      // how many are kept, or a busy day would fill the browser
    appeared = [];
    loads = 0;
    query = {};
    during = null;    // rows heard while a load is under way

    constructor(session, form, signal) {
        this.aggregateOnly = session.aggregate_only;
        this.form = form;
        this.signal = signal;
    }

    read() {
        const {since, until, ...rest} = readForm(this.form);
        this.query = {...rest, since: asMoment(since), until: asMoment(until)};
        byId('people-csv').href = address('faces', {...this.query, format: 'csv'});
    }

    filter() {
        keepInAddress('people', readForm(this.form));
        this.most = PAGE;
        return this.load();
    }

    // Everything anew. An answer that a later question has overtaken is dropped.
    async load() {
        const turn = ++this.loads;
        const limit = this.most;
        this.during = [];
        byId('view-people').setAttribute('aria-busy', 'true');
        try {
            this.read();
            const answer = await getJson('faces', {...this.query, limit}, this.signal);
            if (turn === this.loads)
                this.replace(answer, limit);
        } catch (e) {
            this.fail(e, turn);
        }
        if (turn === this.loads)
            this.loaded();
    }

    loaded() {
        const heard = this.during;
        this.during = null;
        heard.forEach((row) => this.hear('update', row));
        byId('view-people').removeAttribute('aria-busy');
    }

    replace({faces, why}, limit) {
        this.rows.clear();
        byId('people-rows').replaceChildren();
        faces.forEach((row) => this.put(row));
        byId('people-older').hidden = faces.length < limit;
        byId('people-scroll').hidden = Boolean(why);
        byId('people-csv').hidden = Boolean(why);
        this.why = why;
        this.sayEmpty();
    }

    // The last row is asked for again: two people may have appeared in the same millisecond.
    // An answer that a load has overtaken is dropped, for the filter may be another; the load
    // brings as many rows.
    async older() {
        if (this.during) {
            this.most += PAGE;
            this.load();
            return;
        }
        const turn = this.loads;
        const last = Date.parse(byId('people-rows').lastElementChild.dataset.start);
        const until = new Date(last + 1).toISOString();
        this.most += PAGE;
        try {
            const {faces} = await getJson('faces', {...this.query, until, limit: PAGE},
                    this.signal);
            if (turn !== this.loads)
                return;
            faces.forEach((row) => this.put(row));
            byId('people-older').hidden = faces.length < PAGE;
        } catch (e) {
            this.fail(e, turn);
        }
    }

    fail(e, turn) {
        if (!this.signal.aborted && turn === this.loads)
            notice(byId('people-notice'), e.message);
    }

    sayEmpty() {
        const empty = this.rows.size === 0 ? 'Nobody matches.' : null;
        notice(byId('people-notice'), this.why ?? empty);
    }

    follow() {
        setText(byId('people-link'), 'Connecting');
        follow(['new', 'update', 'end'], {
            signal: this.signal,
            onEvent: (type, row) => this.hear(type, row),
            onLink: (up) => {
                sayLink(up);
                if (up)
                    this.load(); // what came before the line was up
            },
        });
    }

    // What is heard during a load may be newer than its answer, and is heard again after it.
    hear(type, row) {
        this.during?.push(row);
        const known = this.rows.has(row.id);
        if (!this.matches(row))
            this.drop(row.id);
        else if (known || type === 'new' || this.isRecent(row))
            this.put(row, !known);
        if (type === 'new' && this.matches(row))
            this.tell(row);
        this.trim();
        this.sayEmpty();
    }

    matches(row) {
        const {camera, gender, age, since, until} = this.query;
        const start = Date.parse(row.start_time);
        return (!camera || camera === row.camera)
            && (!gender || gender === (row.gender ?? 'unknown'))
            && (!age || age === (row.age_range ?? 'unknown'))
            && (!since || start >= Date.parse(since))
            && (!until || start < Date.parse(until));
    }

    isRecent(row) {
        const last = byId('people-rows').lastElementChild;
        return !last || row.start_time >= last.dataset.start;
    }

    put(row, fresh = false) {
        const line = makeRow(row, fresh);
        const shown = this.rows.get(row.id);
        this.rows.set(row.id, line);
        if (shown)
            shown.replaceWith(line);
        else
            insertByTime(byId('people-rows'), line);
    }

    drop(id) {
        this.rows.get(id)?.remove();
        this.rows.delete(id);
    }

    trim() {
        const body = byId('people-rows');
        while (this.rows.size > this.most) {
            this.drop(body.lastElementChild.dataset.id);
            byId('people-older').hidden = false;
        }
    }

    // Whoever listens is told each one, and only their number where many come at once.
    tell(row) {
        const MANY = 3;
        this.appeared.push(row);
        if (this.appeared.length > 1)
            return;
        setTimeout(() => {
            const rows = this.appeared.splice(0);
            if (rows.length > MANY)
                announce(`${rows.length} people appeared`);
            else
                rows.forEach((r) => announce(
                        `Person appeared at ${r.camera}: ${words.face(words.faceOfRow(r))}`));
        }, ANNOUNCE_MS);
    }
}

function asMoment(local) {
    return local && time.moment(local).toISOString();
}

function sayLink(up) {
    const line = byId('people-link');
    line.dataset.up = up;
    setText(line, up ? 'Live: people appear here as they are seen'
        : 'The connection is lost; trying again');
}

// Most are the newest, so the search from the top is short. Times of one form compare as text.
function insertByTime(body, line) {
    let next = body.firstElementChild;
    if (body.lastElementChild?.dataset.start > line.dataset.start)
        next = null;
    while (next && next.dataset.start > line.dataset.start)
        next = next.nextElementSibling;
    body.insertBefore(line, next);
}

function makeRow(row, fresh) {
    const {age, gender} = words.faceOfRow(row);
    const here = row.end_time === null;
    return el('tr', {class: fresh ? 'fresh' : null, 'data-id': row.id, 'data-start': row.start_time},
            el('td', {}, el('time', {datetime: row.start_time}, time.clock(row.start_time)),
                    small(time.day(row.start_time))),
            el('td', {class: 'name'}, row.camera),
            estimate(words.gender(gender), gender),
            estimate(words.age(age), age),
            el('td', {class: here ? 'here' : null},
                    here ? 'still there' : words.duration(row.duration_s)));
}

function estimate(text, {probability, unknown}) {
    return el('td', {class: unknown ? 'withheld' : null}, text,
            unknown ? null : small(words.percent(probability)));
}

function small(text) {
    return el('span', {class: 'small'}, ' ' + text);
}
