"""PostScript that would change its printer waits for the operator; all other goes on as it came."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.intake.attributes import boolean, media_type
from edge_agent.intake.capabilities import ANY, PDF, POSTSCRIPT
from edge_agent.intake.postscript import PostScriptScan
from edge_agent.jobs.model import Job
from shared.ipp.enums import Operation, Status
from shared.job_states import Hold, JobState
from tests.support.intake import PASSWORD, IntakeSite, an_intake_site
from tests.support.jobs import documents_of, facts_of
from tests.support.samples import a_pdf

PS = b"%!PS-Adobe-3.0\n%%Title: report\n/Helvetica 12 selectfont 72 700 moveto "
# As PRET and others send them, with what is found in each.
HOSTILE = {
    "exitserver": b"serverdict begin 0 exitserver\nstatusdict begin 1234 setpassword",
    "exitserver got": b"systemdict /exitserver get exec",
    "exitserver made": b"0 (exitserver) cvx exec",
    "exitserver made after a space": b"0 ( exitserver )cvn load exec",
    "startjob": b"true 0 startjob {/showpage {} def} if",
    "setdevparams": b"(%disk0%) << /Writeable true >>setdevparams",
    "setsystemparams": b"<< /StartJobPassword (x) >> setsystemparams",
    "devformat": b"(%disk0%) 0 devformat",
    "deletefile": b"(%disk0%x) deletefile",
    "renamefile": b"(a)(b)renamefile",
    "filenameforall": b"(%*%*) {= flush} 128 string filenameforall",
    "file": b"/f (/etc/passwd) (r) file def",
    "file named by a program": b"dup (w+)\nfile exch writestring",
    "run": b"(%disk0%evil.ps) run",
    "behind a nested string": b"(a (b) \\( c) show 0 exitserver",
    "behind a comment": b"% a (comment\n0 exitserver",
    "behind binary data": b"\x00\xff("
    + bytes(range(1, 255)).replace(b")", b"") * 300
    + b" startjob ",
    "at the very end": b"0 exitserver",
}
HARMLESS = {
    "text about it": b"(the exitserver operator, see deletefile and startjob) show",
    "a comment": b"% exitserver is not used here\nshow\n%%BeginExitServer\n%%EOF exitserver",
    "other names": b"/exitserver2 1 def myexitserver startjobs /deletefiles currentfile",
    "variables": b"/file 1 def file run /run {file} def",
    "standard streams": b"(%stdin) (r) file 100 string readline pop pop (%stdout)(w)file flushfile",
    "hex and escapes": b"<65786974736572766572> show (\\)exitserver\\() show",
    "a string that is made a name": b"(Helvetica) cvn findfont",
}  # fmt: skip


def found_in(data: bytes, size: int = 1 << 16, named: str = POSTSCRIPT) -> set[str]:
    scan = PostScriptScan(named)
    for at in range(0, len(data), size):
        scan.feed(data[at : at + size])
    scan.close()
    return scan.found


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_what_changes_a_printer_is_found_in_pieces_of_any_size(name: str, size: int) -> None:
    found = found_in(PS + HOSTILE[name], size)
    assert len(found) == 1
    assert name.startswith((*found, "behind", "at the very end"))


@pytest.mark.parametrize("name", HARMLESS)
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_what_only_looks_like_it_is_passed_over(name: str, size: int) -> None:
    assert found_in(PS + HARMLESS[name] + b"\nshowpage\n", size) == set()


def test_a_long_document_is_looked_at_to_its_end() -> None:
    page = b"(some words) show 10 20 moveto << /A [1 2 3] >> pop % note\n" * 50_000
    began = time.monotonic()
    assert found_in(PS + page) == set()
    assert found_in(PS + page + b"0 exitserver") == {"exitserver"}
    assert time.monotonic() - began < 30  # of 6 MB: no quadratic surprise


@pytest.mark.parametrize(
    "noise", [b"(" * 300_000, b"%" * 300_000, b"((\\" * 100_000, b"x" * 300_000]
)
def test_noise_hides_nothing_for_long_and_costs_little(noise: bytes) -> None:
    began = time.monotonic()
    assert found_in(PS + noise + b"\n 0 exitserver\n" + b" " * 70_000, 1000) == {"exitserver"}
    assert time.monotonic() - began < 20


@given(st.lists(st.sampled_from([*HOSTILE.values(), *HARMLESS.values(), b"(", b")", b"%", b"\n"])))
def test_in_pieces_as_in_one(parts: list[bytes]) -> None:
    data = PS + b" ".join(parts)
    assert found_in(data[:30_000], 11) == found_in(data[:30_000], 1 << 20)


@pytest.mark.parametrize(
    ("named", "start", "is_one"),
    [
        (POSTSCRIPT, b"", True),
        (ANY, b"%!PS\n", True),
        (ANY, b"\x04%!PS\n", True),
        (PDF, b"%!PS\n", True),  # whatever it is called
        (ANY, b"\n\x1bE rubbish %!PS\n", True),
        (ANY, b"A letter that names ", False),
        (ANY, b"\x1bE PCL ", False),
        (PDF, b"%PDF-1.7 %!PS\n", False),
        (ANY, b"\xff\xd8\xff %!PS\n", False),
    ],
)
def test_what_a_printer_may_take_for_postscript_is_looked_at(
    named: str, start: bytes, *, is_one: bool
) -> None:
    assert bool(found_in(start + b" 0 exitserver ", 3, named)) is is_one


@pytest.mark.skipif(shutil.which("pdftops") is None, reason="pdftops is not installed")
@pytest.mark.parametrize(
    "command", [["pdftops", "in.pdf", "out.ps"], ["pdf2ps", "in.pdf", "out.ps"]], ids=lambda c: c[0]
)
def test_what_real_programs_make_is_passed_over(tmp_path: Path, command: list[str]) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    (tmp_path / "in.pdf").write_bytes(a_pdf(3))
    subprocess.run(command, cwd=tmp_path, check=True)
    made = (tmp_path / "out.ps").read_bytes()
    assert made.startswith(b"%!PS")
    assert found_in(made) == set()
    assert found_in(made + b" 0 exitserver ") == {"exitserver"}


async def the_job(site: IntakeSite) -> Job:
    (job,) = await site.jobs.service.list_jobs(site.people.alder.id)
    return job


@pytest.mark.parametrize("way", ["Print-Job", "Print-Job in pieces", "Send-Document"])
@pytest.mark.parametrize("hostile", [True, False], ids=["hostile", "harmless"])
async def test_over_ipp_it_waits_for_the_operator(
    tmp_path: Path, way: str, *, hostile: bool
) -> None:
    body = PS + (HOSTILE["startjob"] if hostile else HARMLESS["text about it"]) + b" showpage\n"
    async with an_intake_site(tmp_path) as site:
        named = media_type("document-format", POSTSCRIPT)
        if way == "Send-Document":
            created = await site.ipp(Operation.CREATE_JOB, "direct")
            number = created.job.get_integer("job-id")
            last = boolean("last-document", value=True)
            answer = await site.ipp(
                Operation.SEND_DOCUMENT,
                "direct",
                job_id=number,
                attributes=[last, named],
                body=body,
            )
        else:
            more = b"% more\n" * (20_000 if "pieces" in way else 0)
            body += more
            answer = await site.ipp(Operation.PRINT_JOB, "direct", attributes=[named], body=body)
        assert answer.code == Status.SUCCESSFUL_OK
        job = await the_job(site)
        assert await documents_of(site.jobs, job.id) == [body]
        facts = [f["body"] for f in facts_of(site.jobs, job.id)]
        noted = [r for r in await site.refusals() if r.event == "intake.filtered"]
        if not hostile:
            assert (job.state, noted, facts[0]["message"]) == (JobState.PENDING, [], "")
            return
        assert (job.state, job.holds) == (JobState.PENDING_HELD, frozenset({Hold.NEW}))
        assert job.message == (
            "The operator looks at new jobs of its queue first."
            " It is PostScript that may change its printer: startjob."
        )
        assert answer.job.list_words("job-state-reasons") == ("job-held-on-create",)
        assert facts[0]["message"] == "It is PostScript that may change its printer: startjob."
        assert [r.detail["operators"] for r in noted] == ["startjob"]
        site.people.change_user(site.people.alder, "ada", is_operator=True)
        released = await site.ipp(
            Operation.RELEASE_HELD_NEW_JOBS, "direct", password=PASSWORD, secure=True
        )
        assert released.code == Status.SUCCESSFUL_OK
        assert (await the_job(site)).state is JobState.PENDING
