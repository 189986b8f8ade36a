// Fetches the pictures of the cameras. Asking is what makes the server encode one, so a picture is
// asked for only while its camera is on the screen, and the next only after the last has come.

import {ask} from './api.js';
import {Slots, repeat} from './repeat.js';

const NEXT_MS = 200;
const IDLE_MS = 1000; // nothing newer, nothing yet, or an error
const WIDTHS = [640, 1280];
const slots = new Slots(4);

// Shows the camera's pictures in the image until the signal. onPicture(true) tells that there is
// one, onPicture(false) that there is none yet.
export function showPictures(camera, image, {sight, signal, onPicture}) {
    const picture = {camera, image, onPicture, signal, etag: null, width: 0, url: null};
    signal.addEventListener('abort', () => URL.revokeObjectURL(picture.url));
    return repeat(() => slots.use(() => next(picture)), sight, signal);
}

async function next(picture) {
    try {
        const answer = await fetchPicture(picture);
        if (answer.status === 204)
            picture.onPicture(false);
        if (answer.status !== 200)
            return IDLE_MS;
        picture.etag = answer.headers.get('ETag');
        await put(picture, await answer.blob());
        picture.onPicture(true);
        return NEXT_MS;
    } catch {
        return IDLE_MS; // the list of cameras says what is wrong
    }
}

function fetchPicture(picture) {
    const width = fittingWidth(picture.image.parentElement.clientWidth);
    if (width !== picture.width)
        picture.etag = null;
    picture.width = width;
    return ask(`cameras/${encodeURIComponent(picture.camera)}/picture`, {
        query: {width},
        headers: picture.etag ? {'If-None-Match': picture.etag} : {},
        cache: 'no-store',
        signal: picture.signal,
    });
}

function fittingWidth(shown) {
    return WIDTHS.find((width) => width >= shown) ?? WIDTHS.at(-1);
}

// The old picture goes only when the new one is ready, so that nothing flickers.
async function put(picture, blob) {
    const old = picture.url;
    picture.url = URL.createObjectURL(blob);
    picture.image.src = picture.url;
    await picture.image.decode().catch(() => {});
    if (old)
        URL.revokeObjectURL(old);
}
