#!/usr/bin/python3
"""Bring the files of the catalogue: from a mirror, else from upstream, checked either way.

usage: fetch.py [--kind KIND]... [--only NAME]... [--catalogue FILE] OUT

Without --kind and --only: all but the optional ones. What is a model goes to OUT/fetched/NAME, for
some are converted before they are of use, all else to OUT/NAME. A file that is there and right is
left alone. A download that breaks off stays as NAME.part and is continued; a file gets its name
when it is complete and its sum is right, never before.

  FACED_MIRROR    a folder with the files under their names in the catalogue; default
                  ../shared/mirror beside the project where that exists; empty: no mirror
  FACED_UPSTREAM  takes the place of https://raw.githubusercontent.com, for tests and caches

Exit status: 0 all there, 1 something is wrong or missing, 2 usage, 69 what is missing is in no
mirror and upstream cannot be reached, so that a caller may go on without it. Each failure is one
sentence on standard error. Python's standard library only.
"""
import argparse
import hashlib
import http.client
import ipaddress
import os
import shutil
import sys
import urllib.error
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
GITHUB = "https://raw.githubusercontent.com"
TIMEOUT_S = 15
TRIES = 5  # connections for one file, as long as it grows
UNREACHABLE = 69  # EX_UNAVAILABLE of sysexits.h
CHUNK = 1 << 16


class Failed(Exception):
    """One file could not be brought; the text says why."""


class Unreachable(Failed):
    """Nobody answers, so asking for the next file is no use."""


class Entry:
    """One line of the catalogue."""

    def __init__(self, line, out):
        self.name, self.kind, size, self.sum, _licence, self.url = line.split("\t")
        self.bytes = None if size == "-" else int(size)
        self.path = os.path.join(out, "fetched" if self.kind in ("model", "optional") else "",
                                 self.name)

    def digest(self, path):
        """The file's sum in the catalogue's notation."""
        if self.sum.startswith("gitblob:"):
            state, prefix = hashlib.sha1(b"blob %d\0" % os.path.getsize(path)), "gitblob:"
        else:
            state, prefix = hashlib.sha256(), ""
        with open(path, "rb") as file:
            while chunk := file.read(CHUNK):
                state.update(chunk)
        return prefix + state.hexdigest()

    def right(self, path):
        if self.bytes is not None and os.path.getsize(path) != self.bytes:
            return False
        return self.digest(path) == self.sum


def read_catalogue(path, out):
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.strip() and not line.startswith("#"):
                try:
                    yield Entry(line.rstrip("\n"), out)
                except ValueError:
                    sys.exit(f"fetch: {path}:{number}: not name, kind, bytes, sum, licence and "
                             "url with tabs between them")


def mirror_folder():
    default = os.path.join(os.path.dirname(HERE), "..", "shared", "mirror")
    folder = os.environ.get("FACED_MIRROR", default if os.path.isdir(default) else "")
    if folder and not os.path.isdir(folder):
        sys.exit(f"fetch: FACED_MIRROR={folder} is not a folder: correct it, or unset it to "
                 "download from upstream")
    return folder


def from_mirror(entry, folder):
    """True when the mirror has the file; a wrong one is refused, not silently replaced."""
    source = os.path.join(folder, entry.name)
    if not folder or not os.path.exists(source):
        return False
    copy = entry.path + ".copy"
    shutil.copyfile(source, copy)
    if not entry.right(copy):
        os.unlink(copy)
        raise Failed(f"the sum of {source} is not the one in the catalogue: take the file out of "
                     "the mirror or put the right one there")
    os.replace(copy, entry.path)
    return True


def opener_for(url):
    """A proxy from the environment serves the internet, never this machine itself."""
    host = urllib.parse.urlsplit(url).hostname or ""
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    return urllib.request.build_opener(*[urllib.request.ProxyHandler({})] if local else [])


def connect(url, start):
    """The response and the byte that it starts at: a server need not honour the wish."""
    request = urllib.request.Request(url, headers={"User-Agent": "faced-fetch"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        response = opener_for(url).open(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # nothing lies beyond `start`: begin anew
            return None, 0
        if error.code in (404, 410):
            raise Failed(f"upstream has no such file ({url} answers {error.code})") from None
        kind = Unreachable if error.code >= 500 else Failed
        raise kind(f"{url} answers {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        reason = getattr(error.reason, "strerror", None) or error.reason
        raise Unreachable(f"{url} cannot be reached ({reason})") from None
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(f"{url} cannot be reached ({error or type(error).__name__})") from None
    if response.status == 206:
        unit, _, rest = response.headers.get("Content-Range", "").partition(" ")
        if unit == "bytes" and rest.split("-")[0] == str(start):
            return response, start
        response.close()
        return None, 0
    return response, 0


def drop(path):
    if os.path.exists(path):
        os.unlink(path)


def receive(entry, url, start):
    """Append what one connection gives. Return (size now, whether that is all)."""
    part = entry.path + ".part"
    response, start = connect(url, start)
    if response is None:
        response, start = connect(url, 0)
        if response is None:
            raise Failed(f"{url} gives a range that was not asked for")
    length = response.headers.get("Content-Length")
    offered = start + int(length) if length is not None and length.isdigit() else None
    total = entry.bytes or offered
    if offered is not None and offered != total:
        response.close()
        drop(part)
        raise Failed(f"{url} has {offered} bytes where the catalogue says {total}, and was thrown "
                     "away")
    size, broken = start, False
    with response, open(part, "r+b" if start else "wb") as file:
        file.seek(start)
        file.truncate()
        while total is None or size <= total:  # more than there should be: the sum will tell
            try:
                chunk = response.read1(CHUNK)
            except (OSError, http.client.HTTPException):
                broken = True
                break
            if not chunk:
                break
            file.write(chunk)
            size += len(chunk)
            show(entry, size, total)
    return size, not broken and (total is None or size >= total)


def download(entry):
    url = entry.url
    upstream = os.environ.get("FACED_UPSTREAM")
    if upstream and url.startswith(GITHUB):
        url = upstream.rstrip("/") + url[len(GITHUB):]
    part = entry.path + ".part"
    size = os.path.getsize(part) if os.path.exists(part) else 0
    resumed, tries = size > 0, 0
    complete = resumed and (size == entry.bytes or entry.right(part))
    while True:
        while not complete and tries < TRIES:
            before = size
            size, complete = receive(entry, url, size)
            tries = tries + 1 if size > before else TRIES
        if not complete:
            of_all = f" of {entry.bytes}" if entry.bytes else ""
            raise Failed(f"{url} broke off after {size}{of_all} bytes: what came is kept in "
                         f"{part}, run the command again to continue")
        if entry.right(part):
            os.replace(part, entry.path)
            return
        found = entry.digest(part)
        os.unlink(part)
        if not resumed:
            raise Failed(f"{url} has the sum {found} where the catalogue says {entry.sum}, and "
                         "was thrown away")
        resumed, complete, size, tries = False, False, 0, 0  # the old part may have been the fault


def show(entry, size, total):
    if sys.stderr.isatty() and total and total > 1 << 22:
        end = "\r" if size < total else "\r\033[K"
        print(f"  {entry.name} {size * 100 // total:3d} %", end=end, file=sys.stderr)


def bring(entry, folder):
    if os.path.exists(entry.path):
        if entry.right(entry.path):
            return
        os.unlink(entry.path)
        print(f"fetch: {entry.path} did not have the catalogue's sum and was thrown away",
              file=sys.stderr)
    os.makedirs(os.path.dirname(entry.path), exist_ok=True)
    print(f"  FETCH {entry.name}", flush=True)
    if not from_mirror(entry, folder):
        download(entry)


def by_hand(entry):
    return (f"set FACED_MIRROR to a folder that has {entry.name}, or put the file at {entry.path} "
            "(models/README.md)")


def arguments():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1][len("usage: "):])
    parser.add_argument("--kind", action="append", default=[],
                        choices=["model", "picture", "media", "optional"])
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--catalogue", default=os.path.join(HERE, "catalogue"))
    parser.add_argument("out", metavar="OUT")
    return parser.parse_args()


def wanted(options):
    entries = list(read_catalogue(options.catalogue, options.out))
    unknown = set(options.only) - {entry.name for entry in entries}
    if unknown:
        sys.exit(f"fetch: the catalogue has no '{sorted(unknown)[0]}': its first column names all")
    if options.only or options.kind:
        return [e for e in entries if e.name in options.only or e.kind in options.kind]
    return [e for e in entries if e.kind != "optional"]


def main():
    options = arguments()
    status = 0
    try:
        entries = wanted(options)
        folder = mirror_folder()
        for i, entry in enumerate(entries):
            try:
                bring(entry, folder)
            except Unreachable as error:
                rest = sum(not os.path.exists(e.path) for e in entries[i + 1:])
                more = f" (and {rest} more)" if rest else ""
                print(f"fetch: {entry.name}{more}: {error}: {by_hand(entry)}", file=sys.stderr)
                return status or UNREACHABLE
            except Failed as error:
                print(f"fetch: {entry.name}: {error}; {by_hand(entry)}", file=sys.stderr)
                status = 1
    except OSError as error:
        print(f"fetch: {error.filename or options.out}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("fetch: interrupted; run the command again to continue", file=sys.stderr)
        return 130
    return status


if __name__ == "__main__":
    sys.exit(main())
