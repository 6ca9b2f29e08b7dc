"""What SSLyze's checks found, over all its versions, in the names of `_tls_flaws`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from foreshore.discovery.readers import _naming as naming
from foreshore.discovery.readers import _tls
from foreshore.discovery.readers._decoding import Scalar
from foreshore.discovery.readers._tls_flaws import FLAWS
from foreshore.facts import Finding

# Words of OpenSSL's and of the newer verifier for why a chain was not accepted
_REASONS = (
    (("expired", "not valid at validation time", "not yet valid"), "certificate-expired"),
    (("self signed", "self-signed"), "certificate-self-signed"),
    (("subjectaltname", "hostname", "does not match"), "certificate-name"),
    (("revoked",), "certificate-revoked"),
)


@dataclass
class Checks:
    """The results of one server: accepted suites by version, and flaws with their evidence."""

    suites: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    flaws: dict[str, list[str]] = field(default_factory=dict)

    def flaw(self, rule: str, evidence: str = "") -> None:
        """Note a flaw; the same one twice is one with both evidences."""
        lines = self.flaws.setdefault(rule, [])
        if evidence and evidence not in lines:
            lines.append(evidence)

    def when(self, value: Scalar, bad: bool, rule: str) -> None:
        """Note the flaw where `value` is the bad answer; None is no answer."""
        if value is bad or (isinstance(value, str) and value.lower() == str(bad).lower()):
            self.flaw(rule)

    def robot(self, result: str) -> None:
        """Note what the check for ROBOT came to, such as VULNERABLE_STRONG_ORACLE."""
        if result.upper().rpartition(".")[2].startswith("VULNERABLE"):
            self.flaw("robot", result)

    def accepted(self, check: str, suites: Iterable[tuple[str, int]]) -> None:
        """Note the suites that the check of one version found accepted."""
        key, found = _tls.version_key(check), list(suites)
        if key and found:
            self.suites.setdefault(key, []).extend(found)

    def trust(self, stores: Iterable[tuple[str, str]]) -> None:
        """Note (name of a store of roots, why it did not accept the chain, '' where it did)."""
        all_stores = list(stores)
        refused = [(store, why) for store, why in all_stores if why]
        few = 0 < len(refused) < len(all_stores)
        for store, why in refused:
            said = next((rule for words, rule in _REASONS if any(word in why.lower() for word in words)), "")
            # A chain that some stores accept is sound; the others lack its root.
            rule = "certificate-partly-trusted" if few and not said else said or "certificate-untrusted"
            self.flaw(rule, f"{store}: {why}")

    def findings(self, asset: str, port: int) -> Iterator[Finding]:
        """Yield the findings: versions with their weak suites first."""
        judged = {key: _tls.judged(dict.fromkeys(suites)) for key, suites in self.suites.items()}
        yield from _tls.versions(asset, port, judged)
        for rule, lines in self.flaws.items():
            flaw = FLAWS[rule]
            if rule == "robot" and any("STRONG" in line.upper() for line in lines):
                flaw = flaw._replace(severity="high")
            yield _tls.finding(asset, port, rule, "\n".join(lines), flaw=flaw)


def suite(name: Scalar, bits: Scalar) -> tuple[str, int]:
    """(name, bits) of a suite; bits are written as a number or as `256 bits`."""
    return naming.text(name), naming.whole_number(naming.text(bits).partition(" ")[0])
