// Asks the server. Every request of the page goes through here, so that an error is one sentence
// everywhere and the loss of the session is noticed in one place.

const BASE = 'api/v1/';
const PATIENCE_MS = 30000;
const SLOWEST = 8; // bytes a millisecond: of a line slower than that it is not waited for the end

export class ApiError extends Error {
    constructor(status, message, retryAfter = null) {
        super(message);
        this.status = status;
        this.retryAfter = retryAfter;
    }
}

let sessionLost = () => {};

export function whenSessionLost(act) {
    sessionLost = act;
}

// Empty values are left out: an empty filter is no filter.
export function address(path, query = {}) {
    const given = Object.entries(query).filter(([, value]) => value !== '' && value != null);
    return BASE + path + (given.length ? '?' + new URLSearchParams(given) : '');
}

// The answer, of status 2xx or 304; anything else is thrown as an ApiError. Rejects with an
// AbortError only when the caller's own signal says stop.
export async function ask(path, {query, signal, ...options} = {}) {
    const limits = [AbortSignal.timeout(PATIENCE_MS + (options.body?.size ?? 0) / SLOWEST)];
    if (signal)
        limits.push(signal);
    let answer;
    try {
        answer = await fetch(address(path, query), {...options, signal: AbortSignal.any(limits)});
    } catch (e) {
        if (signal?.aborted)
            throw e;
        throw new ApiError(0, 'The server does not answer.');
    }
    if (answer.ok || answer.status === 304)
        return answer;
    if (answer.status === 401 && path !== 'login')
        sessionLost();
    throw await refusal(answer);
}

export async function getJson(path, query, signal) {
    const answer = await ask(path, {query, signal});
    return answer.json();
}

export function post(path, body, type, signal) {
    return ask(path, {method: 'POST', body, headers: {'Content-Type': type}, signal});
}

export function postJson(path, value, signal) {
    return post(path, JSON.stringify(value), 'application/json', signal);
}

async function refusal(answer) {
    const said = await answer.json().catch(() => ({}));
    const message = said.error || `The server answered ${answer.status}.`;
    return new ApiError(answer.status, message, Number(answer.headers.get('Retry-After')) || null);
}

// Follows the server's events until the signal. The browser reconnects by itself, but gives up
// when it is refused: then the session is looked at and the line is tried again.
export function follow(types, {onEvent, onLink, signal}) {
    const RETRY_MS = 5000;
    let source, timer;
    const connect = () => {
        source = new EventSource(address('events'));
        source.onopen = () => onLink(true);
        source.onerror = () => {
            onLink(false);
            if (source.readyState === EventSource.CLOSED)
                timer = setTimeout(retry, RETRY_MS);
        };
        for (const type of types)
            source.addEventListener(type, (event) => onEvent(type, JSON.parse(event.data)));
    };
    const retry = async () => {
        const session = await getJson('session', {}, signal).catch(() => null);
        if (signal.aborted)
            return;
        if (session && !session.authenticated)
            sessionLost();
        else
            connect();
    };
    signal.addEventListener('abort', () => {
        clearTimeout(timer);
        source.close();
    });
    connect();
}
