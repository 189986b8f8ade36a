// The camera of the device on which the page is shown: a preview, and one picture of it on demand.
// Browsers give it only to pages that come over https or from localhost.

import {byId} from './dom.js';

const QUALITY = 0.92;
let stream = null;

export function deviceAvailable() {
    return Boolean(navigator.mediaDevices?.getUserMedia);
}

export async function openDevice() {
    const asked = {video: {width: {ideal: 1280}, facingMode: 'user'}};
    stream = await navigator.mediaDevices.getUserMedia(asked);
    const video = byId('device-video');
    video.srcObject = stream;
    await video.play();
    byId('device').hidden = false;
}

export function closeDevice() {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    byId('device-video').srcObject = null;
    byId('device').hidden = true;
}

export function takePicture() {
    const video = byId('device-video');
    const canvas = document.createElement('canvas');
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext('2d').drawImage(video, 0, 0);
    return new Promise((done) => canvas.toBlob(done, 'image/jpeg', QUALITY));
}

export function deviceRefusal(e) {
    if (e.name === 'NotAllowedError')
        return 'The browser does not let this page use the camera.';
    if (e.name === 'NotFoundError')
        return 'This device has no camera.';
    return 'The camera of this device cannot be used.';
}
