// Work that is done again and again while somebody can see its result, and not otherwise: a page in
// a hidden tab, or a camera scrolled out of sight, costs the server nothing.

// Whether an element is on the screen; without an element, whether the page is.
export class Sight {
    #inside;
    #waiting = [];
    #signal;

    constructor(element, signal) {
        this.#inside = !element;
        this.#signal = signal;
        const tell = () => this.#tell();
        document.addEventListener('visibilitychange', tell, {signal});
        signal.addEventListener('abort', tell);
        if (element)
            this.#observe(element);
    }

    // Resolves once it is seen, and when the signal ends the waiting.
    wait() {
        if (this.#free)
            return Promise.resolve();
        return new Promise((go) => this.#waiting.push(go));
    }

    get #free() {
        return this.#signal.aborted || (this.#inside && document.visibilityState === 'visible');
    }

    #observe(element) {
        const observer = new IntersectionObserver((entries) => {
            this.#inside = entries.at(-1).isIntersecting;
            this.#tell();
        });
        observer.observe(element);
        this.#signal.addEventListener('abort', () => observer.disconnect());
    }

    #tell() {
        if (this.#free)
            this.#waiting.splice(0).forEach((go) => go());
    }
}

// At most so many pieces of work at the same time.
export class Slots {
    #free;
    #waiting = [];

    constructor(count) {
        this.#free = count;
    }

    async use(work) {
        if (this.#free > 0)
            this.#free--;
        else
            await new Promise((go) => this.#waiting.push(go));
        try {
            return await work();
        } finally {
            const next = this.#waiting.shift();
            if (next)
                next();
            else
                this.#free++;
        }
    }
}

export function pause(ms, signal) {
    return new Promise((go) => {
        const timer = setTimeout(done, ms);
        signal.addEventListener('abort', done, {once: true});
        function done() {
            clearTimeout(timer);
            signal.removeEventListener('abort', done);
            go();
        }
    });
}

// Does the work until the signal, with a pause of as many milliseconds as the work returns.
export async function repeat(work, sight, signal) {
    for (;;) {
        await sight.wait();
        if (signal.aborted)
            return;
        const rest = await work();
        await pause(rest, signal);
    }
}
