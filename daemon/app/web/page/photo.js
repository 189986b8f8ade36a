// One picture of the visitor's own: sent, looked at, shown with its faces marked and each of them
// told in words. Nothing of it is kept, here or on the server.

import {post} from './api.js';
import {closeDevice, deviceAvailable, deviceRefusal, openDevice, takePicture} from './device.js';
import {byId, el, setText} from './dom.js';
import * as words from './words.js';

const THUMB = 72; // pixels

export function show(session, params, signal) {
    byId('photo-off').hidden = session.photo;
    byId('photo-ways').hidden = !session.photo;
    clear();
    if (!session.photo)
        return;
    takeFiles(signal);
    takeDrops(signal);
    takePastes(signal);
    takeFromDevice(signal);
}

function clear() {
    byId('photo-result').hidden = true;
    say('');
}

function say(state, error = '') {
    setText(byId('photo-state'), state);
    setText(byId('photo-error'), error);
}

function takeFiles(signal) {
    const input = byId('photo-file');
    input.addEventListener('change', () => {
        look(input.files[0], signal);
        input.value = ''; // the same file can be chosen again
    }, {signal});
}

function takeDrops(signal) {
    const drop = byId('drop');
    const over = (is) => drop.classList.toggle('over', is);
    drop.addEventListener('dragover', (event) => {
        event.preventDefault();
        over(true);
    }, {signal});
    drop.addEventListener('dragleave', () => over(false), {signal});
    drop.addEventListener('drop', (event) => {
        event.preventDefault();
        over(false);
        look(event.dataTransfer.files[0], signal);
    }, {signal});
}

function takePastes(signal) {
    document.addEventListener('paste', (event) => look(event.clipboardData.files[0], signal),
            {signal});
}

function takeFromDevice(signal) {
    byId('device-open').hidden = !deviceAvailable();
    byId('device-hint').hidden = deviceAvailable();
    byId('device-open').addEventListener('click', async () => {
        try {
            await openDevice();
            byId('device-take').focus();
        } catch (e) {
            closeDevice();
            say('', deviceRefusal(e));
        }
        if (signal.aborted)
            closeDevice(); // the visitor went on while the browser was asking
    }, {signal});
    byId('device-take').addEventListener('click', async () => look(await takePicture(), signal),
            {signal});
    byId('device-close').addEventListener('click', () => {
        closeDevice();
        byId('device-open').focus();
    }, {signal});
    signal.addEventListener('abort', closeDevice);
}

async function look(picture, signal) {
    if (!picture)
        return;
    const section = byId('view-photo');
    section.setAttribute('aria-busy', 'true');
    clear();
    say('Looking at the picture');
    try {
        const type = picture.type || 'application/octet-stream';
        const answer = await post('photo', picture, type, signal);
        await fill(await answer.json());
    } catch (e) {
        if (!signal.aborted)
            say('', e.message);
    }
    section.removeAttribute('aria-busy');
}

async function fill(seen) {
    const image = byId('photo-picture');
    image.src = seen.picture;
    image.alt = `The picture, ${found(seen.faces)} marked`;
    await image.decode().catch(() => {});
    byId('photo-faces').replaceChildren(
            ...seen.faces.map((face, i) => describe(face, i, seen, image)));
    byId('photo-result').hidden = false;
    const more = seen.faces.length > 1 ? ', the surest first' : '';
    say(seen.faces.length ? `Found ${found(seen.faces)}${more}.` : 'No face was found.');
}

function found(faces) {
    return faces.length === 1 ? '1 face' : `${faces.length || 'no'} faces`;
}

function describe(face, i, seen, image) {
    const {age, gender} = face;
    const years = age.range && age.years != null ? `; about ${Math.round(age.years)} years` : '';
    return el('li', {}, thumbnail(face.box, seen, image), el('div', {},
            el('h2', {}, `Face ${i + 1}, ${place(face.box, seen)}`),
            el('p', {}, 'Gender: ' + estimate(gender.value, gender)),
            el('p', {}, 'Age: ' + estimate(age.range && words.range(age.range), age) + years),
            el('p', {class: 'small'}, `${Math.round(face.width_px)} pixels wide, `
                + `certainly a face to ${words.percent(face.score)}`)));
}

function estimate(value, {probability, unknown}) {
    if (unknown)
        return `withheld, ${words.reason(unknown)}`;
    return `${value}, ${words.certainty(probability)} (${words.percent(probability)})`;
}

function place([x, , w], {width}) {
    const middle = (x + w / 2) / width;
    return middle < 1 / 3 ? 'on the left' : middle > 2 / 3 ? 'on the right' : 'in the middle';
}

// The face cut out of the annotated picture, which may be smaller than what was sent.
function thumbnail([x, y, w, h], {width}, image) {
    const MARGIN = 0.25;
    const scale = image.naturalWidth / width;
    const side = Math.max(w, h) * (1 + 2 * MARGIN) * scale;
    const canvas = el('canvas', {width: THUMB * 2, height: THUMB * 2, 'aria-hidden': 'true'});
    canvas.getContext('2d').drawImage(image,
            (x + w / 2) * scale - side / 2, (y + h / 2) * scale - side / 2, side, side,
            0, 0, canvas.width, canvas.height);
    return canvas;
}
