"""``script/demo``: builds the site, tells the story, stays up and supervises."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

from script._demo import ports
from script._demo.api import ApiError
from script._demo.building import build, fresh
from script._demo.commands import CommandError
from script._demo.folders import BusyError, Folders
from script._demo.pages import JobList
from script._demo.pdf import make_pdf
from script._demo.site import Options, Site, StartError
from script._demo.story import Story
from script._demo.telling import StepFailedError, say, show_log, step
from script._demo.terminal import Terminal

PUSHED_SECONDS = 0.7


def read_arguments() -> tuple[Options, Path, bool]:
    """The options, the folder, and whether to forget its state first."""
    parser = argparse.ArgumentParser(prog="script/demo", add_help=False)
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--reset", action="store_true")
    parser.add_argument("--skip-story", action="store_true")
    parser.add_argument("--printer")
    parser.add_argument("--listen", default="127.0.0.1")
    parser.add_argument("--agent", type=Path)
    parser.add_argument(
        "--state", type=Path, default=Path(os.environ.get("SPOOLHOUSE_DEMO", "var/demo"))
    )
    given = parser.parse_args()
    if given.once and given.printer:
        parser.error("--once tells the story with the simulated printer; leave --printer out")
    if given.agent is not None and not given.agent.is_file():
        parser.error(f"--agent {given.agent}: there is no such program")
    options = Options(
        once=given.once,
        story=not given.skip_story and given.printer is None,
        printer=given.printer,
        listen=given.listen,
    )
    if given.agent is not None:
        options = replace(options, agent=given.agent.resolve())
    return options, given.state.resolve(), given.reset


def prepare(folders: Folders, options: Options, *, reset: bool) -> tuple[Site, bool]:
    """Take up an earlier state or begin a fresh one; returns whether it is fresh."""
    folders.site.unlink(missing_ok=True)  # of a demo that was killed: nothing runs yet
    made = None if reset else folders.read_made()
    if made is not None:
        wanted = {"listen": options.listen, "printer": options.printer, "at": str(folders.root)}
        taken = [part for part, port in made["ports"].items() if not ports.is_free(port)]
        if made.get("options") != wanted:
            say("The demo was built for other options; it begins afresh.")
            made = None
        elif taken:
            say(f"The ports of {', '.join(taken)} are taken now; the demo begins afresh.")
            made = None
    is_fresh = made is None
    if made is None:
        folders.forget()
        # Ports that others can count on, or for a demo beside another one, any.
        usual = os.environ.get("SPOOLHOUSE_DEMO_PORTS") != "any"
        chosen, said = ports.choose() if usual else (ports.any_free(), [])
        for sentence in said:
            say(sentence)
        made = fresh(chosen)
        made["options"] = {
            "listen": options.listen,
            "printer": options.printer,
            "at": str(folders.root),
        }
    folders.make()
    return Site(folders, options, made), is_fresh


async def bring_up(site: Site, *, is_fresh: bool) -> None:
    """Start everything; build it first where the state is fresh."""
    log = site.folders.log
    async with step("printer and card readers are there (simulated)", log("printer")):
        await site.start_devices()
    async with step("the primary is up, with its database and broker", log("primary")):
        await site.start_primary()
    if is_fresh:
        async with step("Vic's accounts, people, printer, queues are made", log("primary")):
            await build(site)
    async with step("the gateway is up, enrolled, with its queues and terminal", log("gateway")):
        await site.start_gateway()


async def tell(site: Site) -> None:
    """The story, on a terminal of its own."""
    described = site.describe()
    job_list = JobList(
        described["urls"]["alder"], described["connect"], described["ca_file"], site.made["admin"]
    )
    async with job_list, Terminal(site.terminal_url) as terminal:
        async with step("a terminal is paired with the printer", site.gateway.log):
            code = await site.new_terminal_code()
            await asyncio.sleep(PUSHED_SECONDS)  # The code is on its way to the gateway.
            await terminal.pair(code)
        await Story(site, terminal, job_list).tell()


def welcome(site: Site) -> None:
    """What to click next."""
    described = site.describe()
    say()
    say("It is all yours. Sign in to the pages (the browser will ask about our own certificate):")
    say()
    admin = described["admin"]
    for name, url in described["urls"].items():
        say(f"  {name:<8} {url}   {admin['username']} / {admin['password']}")
    say(f"  terminal {described['terminal_url']}")
    say()
    say(f"Send to  {described['queues']['pull']} (waits for a tap)")
    say(f"         {described['queues']['direct']} (prints at once)")
    for user in described["users"]:
        said = f"{user['username']} ({user['account']}): password {user['password']}"
        say(f"  {said}, PIN {user['pin']}, card {user['card']}")
    say()
    say("Tap      script/tap CARD           prints everything that waits")
    say("         script/tap CARD choose    choose at the terminal")
    say(
        f"Paper comes out in {described['printer']['output_dir']}; logs are in {site.folders.logs}."
    )
    say("For scripts: " + str(site.folders.site))
    say()
    say("Ctrl-C ends it; script/demo takes it up again, script/demo --reset begins afresh.")


async def demo(site: Site, *, is_fresh: bool) -> int:
    """Run until it is told to stop; returns the exit code."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stopped.set)
    running = asyncio.create_task(_run(site, is_fresh=is_fresh), name="story")
    waiting = asyncio.create_task(stopped.wait(), name="signals")
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    try:
        if running.done():
            return running.result()
        say("\nEnding the demo ...")
        running.cancel()
        await asyncio.wait({running})
        return 130 if site.options.once else 0
    finally:
        waiting.cancel()
        await site.stop()


async def _run(site: Site, *, is_fresh: bool) -> int:
    began = time.monotonic()
    try:
        await bring_up(site, is_fresh=is_fresh)
        if site.options.story:
            await tell(site)
        site.terminal_code = await site.new_terminal_code()
    except (StepFailedError, StartError) as error:
        show_log(error.log)
        return 1
    except (ApiError, CommandError) as error:
        say(str(error))
        return 1
    hello = make_pdf("Hello", [["Hello from Spoolhouse"], ["The second page"]])
    (site.folders.documents / "hello.pdf").write_bytes(hello)
    site.is_ready = True
    site.write()
    if site.options.once:
        say(f"\nThe whole story in {time.monotonic() - began:.1f} s.")
        return 0
    welcome(site)
    await site.watch()
    return 0


def main() -> None:
    options, folder, reset = read_arguments()
    folders = Folders(folder)
    try:
        lock = folders.lock()
    except BusyError as error:
        sys.exit(f"script/demo: {error}")
    with lock:
        site, is_fresh = prepare(folders, options, reset=reset)
        sys.exit(asyncio.run(demo(site, is_fresh=is_fresh)))


if __name__ == "__main__":
    main()
