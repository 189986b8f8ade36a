// A browser that does what it is told: commands as JSON lines on standard input, an answer line for
// each on standard output. tests/integration/test_pages.py says what to do and what must be seen.
//
// usage: node pages.mjs URL

import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {createInterface} from 'node:readline';
import puppeteer from 'puppeteer-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const PATIENCE = 30000;
const home = new URL(process.argv[2]);

const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--use-fake-ui-for-media-stream',
        '--use-fake-device-for-media-stream'],
});
const page = await browser.newPage();
const complaints = [];
const elsewhere = [];

page.on('console', (m) => ['error', 'warn'].includes(m.type()) && complaints.push(m.text()));
page.on('pageerror', (e) => complaints.push(String(e)));
page.on('request', (r) => {
    const url = new URL(r.url());
    if (!['data:', 'blob:'].includes(url.protocol) && url.origin !== home.origin)
        elsewhere.push(r.url());
});
page.setDefaultTimeout(PATIENCE);

const text = (selector) => page.$eval(selector, (e) => e.innerText);
const texts = (selector) => page.$$eval(selector, (list) => list.map((e) => e.innerText));
const cells = (selector) => page.$$eval(`${selector} tr`, (list) =>
    list.map((row) => [...row.cells].map((cell) => cell.textContent.trim())));
// A view is busy from the moment that something is asked of it until the answer stands there: what
// it shows meanwhile is of before.
const idle = (view) => page.waitForFunction(
        (v) => !document.querySelector(`#view-${v}[aria-busy]`), {}, view);

const commands = {
    // Comes back when the view is there.
    async goto({view, width = 1280, height = 900, dark = false}) {
        await page.setViewport({width, height});
        await page.emulateMediaFeatures([
            {name: 'prefers-color-scheme', value: dark ? 'dark' : 'light'}]);
        await page.goto(`${home.origin}/#${view}`);
        await page.waitForSelector(`#view-${view}:not([hidden])`);
        return {title: await page.title(), heading: await text(`#view-${view} h1`)};
    },
    async login({password}) {
        await page.goto(home.origin);
        await page.waitForSelector('#view-login:not([hidden])');
        await page.type('#password', password);
        await page.click('#login button');
        await page.waitForFunction(() => document.getElementById('view-login').hidden ||
            document.getElementById('login-error').innerText);
        return {error: await page.$eval('#login-error', (e) => e.textContent)};
    },
    // Until so many cameras have a picture on the screen and are told to be online.
    async pictures({cameras}) {
        await page.waitForFunction((n) => document.getElementById('now-summary').innerText
            .includes(`${n} of ${n} cameras online`), {}, cameras);
        await page.waitForFunction((n) => [...document.querySelectorAll('#cameras img')]
            .filter((i) => i.naturalWidth > 0).length >= n, {}, cameras);
        return {cards: await texts('#cameras > li'), summary: await text('#now-summary'),
            alts: await page.$$eval('#cameras img', (list) => list.map((i) => i.alt))};
    },
    async troubles({least}) {
        await page.waitForFunction((n) => document.querySelectorAll('#troubles > li').length >= n,
            {}, least);
        return {troubles: await texts('#troubles > li'), cards: await texts('#cameras > li')};
    },
    // With the line of events up, and what came before it was.
    async rows({least = 0}) {
        await page.waitForSelector('#people-link[data-up="true"]');
        await idle('people');
        await page.waitForFunction((n) =>
            document.querySelectorAll('#people-rows tr').length >= n, {}, least);
        return {rows: await texts('#people-rows tr'), link: await text('#people-link')};
    },
    async filter({name, value}) {
        await page.select(`#people-${name}`, value);
        await idle('people');
        return {rows: await cells('#people-rows')};
    },
    // A row that is not among these comes by itself.
    async newcomer({than}) {
        await page.waitForFunction((n) =>
            document.querySelectorAll('#people-rows tr').length > n, {}, than);
        return {rows: await texts('#people-rows tr')};
    },
    // "Show older", whose answer comes only when another filter's rows are there.
    async overtaken({name, value}) {
        const rows = await page.$$eval('#people-rows tr', (list) => list.length);
        let held;
        const caught = new Promise((go) => page.on('request', (request) => {
            if (held || !request.url().includes('until='))
                return void request.continue();
            held = request;
            go();
        }));
        await page.setRequestInterception(true);
        await page.click('#people-older');
        await caught;
        await page.select(`#people-${name}`, value);
        await idle('people');
        const late = page.waitForResponse((response) => response.request() === held);
        await held.continue();
        await (await late).text();
        await page.evaluate(() => fetch('api/v1/session').then((r) => r.text())); // and is read
        return {before: rows, rows: await texts('#people-rows tr')};
    },
    // Types into a field, key by key as a person does, and tells what the view says then.
    async enter({view, name, keys}) {
        await page.evaluate(() => document.activeElement.blur()); // to begin at its first part
        await page.focus(`#${view}-${name}`);
        for (const [i, part] of keys.split('\t').entries()) {
            if (i > 0)
                await page.keyboard.press('Tab');
            await page.keyboard.type(part);
        }
        await idle(view);
        return {notice: await page.$eval(`#${view}-notice`, (e) => e.textContent),
            value: await page.$eval(`#${view}-${name}`, (e) => e.value)};
    },
    async choose({view, name, value}) {
        await page.select(`#${view}-${name}`, value);
        await idle(view);
        return {};
    },
    async sentence({view}) {
        await idle(view);
        await page.waitForSelector(`#${view}-notice`, {visible: true});
        return {notice: await text(`#${view}-notice`), links: await page.$$eval(
            `#view-${view} a`, (list) => list.filter((a) => a.checkVisibility()).length)};
    },
    async audience({by}) {
        if (by)
            await page.select('#audience-by', by);
        await idle('audience');
        await page.waitForSelector('#visits-chart svg');
        return {summary: await text('#audience-summary'), visits: await cells('#visits-table'),
            ages: await cells('#ages-table'),
            charts: await page.$$eval('.chart svg', (list) => list.map((s) =>
                s.getAttribute('aria-label') ?? s.querySelector('title')?.textContent))};
    },
    async photo({file}) {
        const answered = page.waitForResponse((r) => r.url().endsWith('/api/v1/photo'));
        await page.evaluate(() => { // how long the page would wait for each answer
            const timeout = AbortSignal.timeout;
            globalThis.patience = [];
            AbortSignal.timeout = (ms) => {
                globalThis.patience.push(ms);
                AbortSignal.timeout = timeout;
                return timeout.call(AbortSignal, ms);
            };
        });
        await (await page.$('#photo-file')).uploadFile(file);
        await answered;
        await idle('photo');
        return {patience: (await page.evaluate(() => globalThis.patience))[0],
            error: await page.$eval('#photo-error', (e) => e.textContent),
            faces: await texts('#photo-faces > li'),
            width: await page.$eval('#photo-picture', (i) => i.naturalWidth)};
    },
    // A picture by the device's own camera, which is the browser's test pattern.
    async device() {
        await page.click('#device-open');
        await page.waitForSelector('#device-take', {visible: true});
        await page.waitForFunction(() =>
            document.getElementById('device-video').readyState >= HTMLMediaElement.HAVE_ENOUGH_DATA);
        const answered = page.waitForResponse((r) => r.url().endsWith('/api/v1/photo'));
        await page.click('#device-take');
        const told = await (await answered).json();
        await idle('photo');
        return {width: told.width, faces: told.faces.length, state: await text('#view-photo')};
    },
    // Which moment the page takes for this time of that zone.
    async moments({zone, locals}) {
        return {moments: await page.evaluate(async (z, list) => {
            const time = await import('./time.js');
            time.useZone(z);
            return list.map((local) => time.moment(local).toISOString());
        }, zone, locals)};
    },
    async audit() {
        await page.evaluate(AXE);
        const {violations} = await page.evaluate(() => globalThis.axe.run());
        return {violations: violations.map((v) =>
            `${v.id}: ${v.help}: ${v.nodes.map((n) => n.html).join(' | ').slice(0, 300)}`)};
    },
    // Who only has a keyboard: where Tab leads, one after another.
    async tab({times}) {
        const names = [];
        for (let i = 0; i < times; i++) {
            await page.keyboard.press('Tab');
            names.push(await page.evaluate(() => document.activeElement.innerText ||
                document.activeElement.id || document.activeElement.tagName));
        }
        return {names};
    },
    async overflow() {
        return {wider: await page.evaluate(() =>
            document.documentElement.scrollWidth - document.documentElement.clientWidth)};
    },
    async screenshot({file}) {
        await page.screenshot({path: file});
        return {};
    },
    async report() {
        return {complaints, elsewhere};
    },
};

const answer = (value) => process.stdout.write(JSON.stringify(value) + '\n');
for await (const line of createInterface({input: process.stdin})) {
    const {do: what, ...how} = JSON.parse(line);
    try {
        answer(await commands[what](how));
    } catch (e) {
        answer({failed: `${what}: ${e.message}`});
    }
}
await browser.close();
