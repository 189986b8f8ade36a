// Times as the node's clock on the wall shows them: a shop in Berlin has its days in Berlin, also
// when somebody looks at them from elsewhere.

const DAY = {weekday: 'short', day: 'numeric', month: 'short'};
const CLOCK = {hour: '2-digit', minute: '2-digit', second: '2-digit'};
const dates = new Intl.DateTimeFormat('en-GB', {timeZone: 'UTC', ...DAY});

let shapes;

export function useZone(name) {
    const timeZone = known(name) ? name : undefined;
    const shape = (options) => new Intl.DateTimeFormat('en-GB', {timeZone, ...options});
    shapes = {
        clock: shape(CLOCK),
        day: shape(DAY),
        parts: shape({year: 'numeric', month: '2-digit', day: '2-digit', ...CLOCK,
            hourCycle: 'h23'}),
    };
}

function known(name) {
    try {
        return Boolean(new Intl.DateTimeFormat('en-GB', {timeZone: name}));
    } catch {
        return false;
    }
}

export function clock(time) {
    return shapes.clock.format(new Date(time));
}

export function day(time) {
    return shapes.day.format(new Date(time));
}

// "Tue, 24 Nov" for the date 2026-11-24, which is the same in every zone.
export function dayOf(dateText) {
    return dates.format(new Date(`${dateText}T12:00:00Z`));
}

// "2026-11-24", the date there.
export function date(time) {
    return wall(time).slice(0, 10);
}

// "2026-11-24T12:00:05", the clock on the wall there.
function wall(time) {
    const p = Object.fromEntries(
            shapes.parts.formatToParts(new Date(time)).map(({type, value}) => [type, value]));
    return `${p.year.padStart(4, '0')}-${p.month}-${p.day}T${p.hour}:${p.minute}:${p.second}`;
}

// A browser lets years of one to six digits be typed; four are what the server reads as well.
function checked(local) {
    if (!/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?)?$/.test(local))
        throw new RangeError('A date is expected whose year has four digits.');
    return local;
}

// The moment at which the wall there shows this: the first of two, where the clock goes back; as long
// after the step as the time is behind it, where it goes forward. As when_local() of the server.
export function moment(local) {
    const DAY_MS = 86400000;
    const wanted = Date.parse(checked(local) + 'T00:00:00'.slice(local.length - 10) + 'Z');
    const shown = (time) => Date.parse(wall(time) + 'Z');
    const candidates = [wanted - DAY_MS, wanted + DAY_MS].map((near) => wanted - (shown(near) - near));
    const first = Math.min(...candidates);
    return new Date(shown(first) === wanted ? first : Math.max(...candidates));
}

// Midnight there, so many days before today (after it: negative).
export function midnight(daysAgo) {
    return moment(shiftDate(date(Date.now()), -daysAgo));
}

export function shiftDate(text, days) {
    const noon = new Date(`${checked(text)}T12:00:00Z`);
    noon.setUTCDate(noon.getUTCDate() + days);
    return noon.toISOString().slice(0, 10);
}
