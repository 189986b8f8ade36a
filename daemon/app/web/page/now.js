// What the cameras see at this moment: a card for each, with its state, its picture and, in words,
// who is in view.

import {getJson} from './api.js';
import {announce, byId, el, notice, setText} from './dom.js';
import {showPictures} from './pictures.js';
import {Sight, repeat} from './repeat.js';
import * as words from './words.js';

const CAMERAS_MS = 2000;
const FACES_MS = 2000;

const STATES = {
    online: 'online',
    connecting: 'connecting',
    offline: 'offline',
    disabled: 'switched off',
    ended: 'ended',
};

export function show(session, params, signal) {
    const cards = new Map();
    byId('cameras').replaceChildren();
    byId('view-now').setAttribute('aria-busy', 'true');
    const view = {session, cards, signal, firstTime: true};
    repeat(() => refresh(view), new Sight(null, signal), signal);
}

async function refresh(view) {
    try {
        const state = await getJson('cameras', {}, view.signal);
        sayNotice(view.session);
        summarise(state.cameras);
        listTroubles(state.troubles);
        layOut(view, state.cameras);
        view.firstTime = false;
    } catch (e) {
        if (!view.signal.aborted)
            notice(byId('now-notice'), `${e.message} Trying again.`);
    }
    byId('view-now').removeAttribute('aria-busy');
    return CAMERAS_MS;
}

function sayNotice({live, blur}) {
    const sentence = !live ? 'Live view is switched off on this server: no pictures are shown.'
        : blur ? 'Faces are blurred in the pictures.' : null;
    notice(byId('now-notice'), sentence);
}

function summarise(cameras) {
    const inView = cameras.reduce((sum, camera) => sum + camera.people, 0);
    const online = cameras.filter((camera) => camera.state === 'online').length;
    const eyes = cameras.length === 1 ? '1 camera' : `${cameras.length} cameras`;
    setText(byId('now-summary'), cameras.length
        ? `${words.people(inView)} in view; ${online} of ${eyes} online.`
        : 'No camera is configured.');
}

function listTroubles(troubles) {
    const list = byId('troubles');
    const lines = troubles.map(({who, text, for_s: since}) =>
            `${who}: ${text} (for ${words.duration(since)})`);
    while (list.childElementCount > lines.length)
        list.lastElementChild.remove();
    lines.forEach((line, i) => setText(list.children[i] ?? list.appendChild(el('li')), line));
    list.hidden = lines.length === 0;
}

// Cards stay where they are while their camera does, so that focus and pictures survive.
function layOut(view, cameras) {
    const names = new Set(cameras.map(({name}) => name));
    for (const [name, card] of view.cards)
        if (!names.has(name))
            remove(view, name, card);
    for (const camera of cameras) {
        const card = view.cards.get(camera.name) ?? add(view, camera.name);
        fill(view, card, camera);
    }
}

function remove(view, name, card) {
    card.stop.abort();
    card.item.remove();
    view.cards.delete(name);
}

function add(view, name) {
    const card = makeCard(name);
    view.cards.set(name, card);
    byId('cameras').append(card.item);
    card.stop = new AbortController();
    const signal = AbortSignal.any([view.signal, card.stop.signal]);
    card.frame.hidden = !view.session.live;
    card.larger.hidden = !view.session.live;
    if (view.session.live)
        watch(card, signal);
    return card;
}

function makeCard(name) {
    const card = {
        name,
        image: el('img', {alt: `${name}: no picture yet`, hidden: true}),
        waiting: el('p', {class: 'waiting'}, 'No picture yet'),
        state: el('span', {class: 'state'}),
        people: el('p', {class: 'count'}),
        trouble: el('p', {class: 'error', hidden: true}),
        facts: el('p', {class: 'facts'}),
        faces: el('ul', {class: 'in-view', 'aria-label': `In view at ${name}`}),
        larger: el('button', {type: 'button', class: 'quiet', 'aria-pressed': 'false',
            'aria-label': `Enlarge ${name}`}, 'Enlarge'),
    };
    card.frame = el('div', {class: 'frame'}, card.image, card.waiting);
    card.item = el('li', {class: 'camera', 'data-camera': name},
            card.frame,
            el('div', {class: 'about'},
                    el('div', {class: 'heading'}, el('h2', {}, name), card.state, card.larger),
                    card.people, card.faces, card.trouble, card.facts));
    card.larger.addEventListener('click', () => {
        const large = card.item.classList.toggle('large');
        card.larger.setAttribute('aria-pressed', String(large));
    });
    return card;
}

function watch(card, signal) {
    const sight = new Sight(card.item, signal);
    showPictures(card.name, card.image, {sight, signal, onPicture: (there) => {
        card.image.hidden = !there;
        card.waiting.hidden = there;
    }});
    repeat(() => refreshFaces(card, signal), sight, signal);
}

function fill(view, card, camera) {
    const news = card.item.dataset.state !== camera.state;
    if (news && !view.firstTime)
        announce(`Camera ${camera.name} is ${STATES[camera.state] ?? camera.state}`);
    card.item.dataset.state = camera.state;
    setText(card.state, STATES[camera.state] ?? camera.state);
    setText(card.people, camera.state === 'online' ? `${words.people(camera.people)} in view` : '');
    notice(card.trouble, camera.trouble);
    setText(card.facts, facts(camera));
}

function facts(camera) {
    const told = [`${STATES[camera.state] ?? camera.state} for ${words.duration(camera.for_s)}`];
    if (camera.format)
        told.push(camera.format);
    if (camera.state === 'online')
        told.push(`${rate(camera.process_fps)} of ${rate(camera.camera_fps)} pictures a second`);
    if (camera.frames_lost)
        told.push(`${words.number(camera.frames_lost)} lost`);
    return told.join(' \u00b7 ');
}

function rate(fps) {
    return fps == null ? '?' : String(Math.round(fps * 10) / 10);
}

async function refreshFaces(card, signal) {
    try {
        const path = `cameras/${encodeURIComponent(card.name)}/view`;
        listFaces(card, (await getJson(path, {}, signal)).faces);
    } catch {
        listFaces(card, []);
    }
    return FACES_MS;
}

function listFaces(card, faces) {
    const lines = faces.map(words.face);
    const shown = [...card.faces.children].map((item) => item.textContent);
    if (lines.join() !== shown.join())
        card.faces.replaceChildren(...lines.map((line) => el('li', {}, line)));
    const who = lines.length ? lines.join('; ') : 'nobody in view';
    card.image.alt = `${card.name}: ${who}`;
}
