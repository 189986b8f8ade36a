// How the page says what is known about a face, in one place, so that every view says it alike.

const REASONS = {
    too_small: 'too small',
    blurred: 'blurred',
    profile: 'seen from the side',
    exposure: 'too dark or too bright',
    cut_off: 'cut off by the edge',
    disagree: 'the pictures disagree',
    low_confidence: 'not certain enough',
    out_of_range: 'outside the ages it knows',
    not_estimated: 'not estimated',
};

const CERTAINTIES = [
    [0.95, 'almost certain'],
    [0.85, 'very likely'],
    [0.7, 'likely'],
    [0.5, 'more likely than not'],
    [0, 'a guess'],
];

const numbers = new Intl.NumberFormat('en-GB');
const NBSP = '\u00a0';

export function number(n) {
    return numbers.format(n);
}

export function people(n) {
    return n === 1 ? '1 person' : `${number(n)} people`;
}

export function range(text) {
    return text.replace('-', '\u2013');
}

// Nothing that is estimated is ever said to be 100 %.
export function percent(share) {
    const rounded = Math.round(share * 100);
    return rounded > 99 ? `over 99${NBSP}%` : `${rounded}${NBSP}%`;
}

export function certainty(probability) {
    return CERTAINTIES.find(([least]) => probability >= least)[1];
}

export function reason(code) {
    return REASONS[code] ?? code.replaceAll('_', ' ');
}

// A row of the database in the form of a face of the live view or of a photo.
export function faceOfRow(row) {
    return {
        age: {range: row.age_range, years: row.age_years, probability: row.age_probability,
            unknown: row.age_unknown},
        gender: {value: row.gender, probability: row.gender_probability,
            unknown: row.gender_unknown},
    };
}

export function gender({value, unknown}) {
    return value ?? `unknown: ${reason(unknown)}`;
}

export function age({range: years, unknown}) {
    return years ? range(years) : `unknown: ${reason(unknown)}`;
}

// "female, 25–32", for a list or for whoever listens.
export function face(f) {
    const who = f.gender.value ?? 'gender unknown';
    const old = f.age.range ? range(f.age.range) : 'age unknown';
    return `${who}, ${old}`;
}

export function duration(seconds) {
    const s = Math.round(seconds);
    if (s < 60)
        return `${s}${NBSP}s`;
    if (s < 3600)
        return two(Math.floor(s / 60), 'min', s % 60, 's');
    if (s < 86400)
        return two(Math.floor(s / 3600), 'h', Math.floor(s % 3600 / 60), 'min');
    return two(Math.floor(s / 86400), 'd', Math.floor(s % 86400 / 3600), 'h');
}

function two(big, bigUnit, small, smallUnit) {
    const rest = small ? ` ${small}${NBSP}${smallUnit}` : '';
    return `${big}${NBSP}${bigUnit}${rest}`;
}

export function grouping(by) {
    return {hour: 'hour of the day', weekday: 'day of the week'}[by] ?? by;
}
