// Starts the page: asks who is there, shows the form to log in or the view that the address names,
// and goes from view to view. A view is a module with show(session, params, signal); the signal
// tells it that another one is shown.

import {getJson, postJson, whenSessionLost} from './api.js';
import {byId, notice, setText} from './dom.js';
import {useZone} from './time.js';
import * as now from './now.js';
import * as people from './people.js';
import * as audience from './audience.js';
import * as photo from './photo.js';

const views = {now, people, audience, photo};
const RETRY_MS = 3000;

let session = null;
let leaving = new AbortController();

async function begin() {
    try {
        session = await getJson('session');
        notice(byId('down'), null);
    } catch (e) {
        notice(byId('down'), `${e.message} Trying again.`);
        setTimeout(begin, RETRY_MS);
        return;
    }
    setText(byId('version'), `faced ${session.version}`);
    if (session.authenticated)
        enter();
    else
        askPassword();
}

function enter() {
    useZone(session.time_zone);
    setText(byId('node'), session.node);
    setText(byId('zone'), `\u00b7 times of ${session.time_zone}`);
    byId('nav').hidden = false;
    byId('logout').hidden = !session.password;
    route();
}

// The view and its parameters, of "#people?camera=door".
function wanted() {
    const [name, query] = location.hash.slice(1).split('?');
    return {name: Object.hasOwn(views, name) ? name : 'now',
        params: Object.fromEntries(new URLSearchParams(query))};
}

function route() {
    if (!session?.authenticated)
        return;
    const {name, params} = wanted();
    const signal = change(name);
    for (const link of byId('nav').querySelectorAll('a'))
        if (link.hash === '#' + name)
            link.setAttribute('aria-current', 'page');
        else
            link.removeAttribute('aria-current');
    views[name].show(session, params, signal);
}

// Shows one section and tells the view before it to stop.
function change(name) {
    leaving.abort();
    leaving = new AbortController();
    for (const section of byId('main').querySelectorAll(':scope > section'))
        section.hidden = section.id !== 'view-' + name;
    document.body.dataset.view = name;
    const title = byId('title-' + name).textContent;
    document.title = [title, session.node, 'faced'].filter(Boolean).join(' \u2013 ');
    return leaving.signal;
}

function askPassword() {
    if (document.body.dataset.view === 'login')
        return;
    session = {authenticated: false};
    byId('nav').hidden = true;
    byId('logout').hidden = true;
    setText(byId('node'), '');
    setText(byId('zone'), '');
    change('login');
    byId('password').focus();
}

async function logIn(event) {
    event.preventDefault();
    const field = byId('password');
    setText(byId('login-error'), '');
    try {
        await postJson('login', {password: field.value});
        field.value = '';
        await begin();
        focusTitle();
    } catch (e) {
        setText(byId('login-error'), e.message + laterHint(e.retryAfter));
        field.select();
    }
}

function laterHint(seconds) {
    return seconds ? ` Try again in ${seconds} seconds.` : '';
}

async function logOut() {
    await postJson('logout', {}).catch(() => {});
    askPassword();
}

// After a step to another view a screen reader starts at its heading.
function focusTitle() {
    byId('title-' + document.body.dataset.view).focus();
}

function skip(event) {
    event.preventDefault(); // the address names the view, not a place in it
    byId('main').focus();
}

whenSessionLost(askPassword);
byId('login').addEventListener('submit', logIn);
byId('logout').addEventListener('click', logOut);
byId('skip').addEventListener('click', skip);
window.addEventListener('hashchange', () => {
    route();
    focusTitle();
});
begin();
