// The few helpers with which the views make elements. Data only ever becomes text or the value of
// an attribute here, never markup.

const SVG = 'http://www.w3.org/2000/svg';

export function byId(id) {
    return document.getElementById(id);
}

export function el(name, attributes = {}, ...children) {
    return furnish(document.createElement(name), attributes, children);
}

export function svg(name, attributes = {}, ...children) {
    return furnish(document.createElementNS(SVG, name), attributes, children);
}

function furnish(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes))
        if (value !== null && value !== undefined && value !== false)
            element.setAttribute(name, value === true ? '' : value);
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
}

// A text that changes often is written only when it differs, so that a selection in it survives.
export function setText(element, text) {
    if (element.textContent !== text)
        element.textContent = text;
}

// Shows the sentence in its element, or hides the element when there is none.
export function notice(element, sentence) {
    setText(element, sentence ?? '');
    element.hidden = !sentence;
}

// Says a line to whoever listens to the page.
export function announce(line) {
    const KEPT = 5;
    const log = byId('said');
    log.append(el('p', {}, line));
    while (log.childElementCount > KEPT)
        log.firstElementChild.remove();
}

// The choices after the first one, which is "all".
export function fillChoices(select, choices, wording = (choice) => choice) {
    const chosen = select.value;
    select.replaceChildren(select.options[0],
            ...choices.map((choice) => el('option', {value: choice}, wording(choice))));
    select.value = chosen;
}

export function readForm(form) {
    return Object.fromEntries(new FormData(form));
}

// What the address says goes into the form; what it does not say is as the page came.
export function fillForm(form, values) {
    form.reset();
    for (const [name, value] of Object.entries(values))
        if (form.elements[name])
            form.elements[name].value = value;
}

// Keeps the choices in the address, so that a reload or a bookmark brings them back.
export function keepInAddress(view, values) {
    const given = Object.entries(values).filter(([, value]) => value !== '');
    const query = given.length ? '?' + new URLSearchParams(given) : '';
    history.replaceState(null, '', '#' + view + query);
}

export function table(element, caption, heads, rows) {
    const head = el('tr', {}, ...heads.map((text) => el('th', {scope: 'col'}, text)));
    const body = rows.map(([first, ...rest]) => el('tr', {}, el('th', {scope: 'row'}, first),
            ...rest.map((text) => el('td', {class: 'number'}, text))));
    element.replaceChildren(el('caption', {class: 'unseen'}, caption),
            el('thead', {}, head), el('tbody', {}, ...body));
}
