"""When a source says that only a restart is missing, and when a running kernel says it."""

from __future__ import annotations

import pytest

from foreshore.discovery.restarts import runs_older, word_of
from foreshore.facts import Finding


def finding(title: str, evidence: str = "", **more: str) -> Finding:
    """A finding as a check writes it."""
    return Finding(asset="box", rule="r", title=title, severity="high", evidence=evidence, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("title", "evidence"),
    [
        ("Windows updates: reboot required", ""),
        ("Pending Reboot Detected", ""),
        ("Missing update", "KB5001330 has been installed but the host was not rebooted."),
        ("Kernel", "The running kernel 5.4.0-10 is older than the installed 5.4.0-12"),
        ("Kernel", "3 updates; the machine has not been restarted since"),
    ],
)
def test_a_check_says_that_a_restart_is_missing(title: str, evidence: str) -> None:
    assert word_of(finding(title, evidence)) == "reboot_pending"


@pytest.mark.parametrize(
    ("title", "evidence"),
    [
        ("Remote code execution", "Install the update and restart the service."),
        ("Remote code execution", "The update must be installed and the system rebooted afterwards."),
        ("The host was restarted lately", "Last reboot: yesterday"),
        ("Remote code execution", ""),
    ],
)
def test_what_speaks_of_restarts_in_general_is_open(title: str, evidence: str) -> None:
    assert word_of(finding(title, evidence)) == "open"
    assert word_of(finding(title, evidence, solution="A reboot is required.")) == "open"


def test_another_word_of_the_source_stands() -> None:
    assert word_of(finding("Reboot required", word="false_positive")) == "false_positive"


@pytest.mark.parametrize(
    ("kernel", "fixed", "component", "older"),
    [
        ("4.18.0-513.9.1.el8_9.x86_64", "0:4.18.0-513.11.1.el8_9", "pkg:rpm/redhat/kernel@1", True),
        ("4.18.0-513.11.1.el8_9.x86_64", "4.18.0-513.11.1.el8_9", "pkg:rpm/redhat/kernel@1", False),
        ("5.15.0-91-generic", "5.15.0-92.102", "pkg:deb/ubuntu/linux-image-generic", True),
        ("5.15.0-92-generic", "5.15.0-92.102", "pkg:deb/ubuntu/linux-image-generic", False),
        ("5.14.21-150500.55.39-default", "5.14.21-150500.55.44.1", "pkg:rpm/suse/kernel-default", True),
        ("5.14.21-150500.55.44-default", "5.14.21-150500.55.44.1", "pkg:rpm/suse/kernel-default", False),
        ("6.1.0-18-amd64", "6.1.90-1", "pkg:deb/debian/linux", False),  # Debian's name does not tell the version
        ("nonsense", "4.18.0-513.11.1.el8_9", "pkg:generic/kernel", False),
    ],
)
def test_only_versions_that_can_be_compared_say_that_the_kernel_is_older(
    kernel: str, fixed: str, component: str, older: bool
) -> None:
    assert runs_older(kernel, fixed, component) is older
