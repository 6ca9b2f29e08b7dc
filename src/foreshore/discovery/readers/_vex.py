"""Products and packages that statements are about (OpenVEX, CSAF, SPDX), and the words of such statements."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qs, unquote

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _hosts, _naming
from foreshore.facts import Sighting, Word

# Status words of the formats; what is being looked into stays open until somebody knows better.
WORDS: dict[str, Word] = {
    "affected": "open",
    "under_investigation": "open",
    "unknown": "open",
    "fixed": "fixed",
    "not_affected": "suppressed",
}
_VERSION_AT_END = regex(r"^(.{1,500}\S)[ :@]v?(\d[\w.+~:-]{0,100})$")


class Software(NamedTuple):
    """A product or package as a statement names it; identifiers without the version."""

    name: str
    version: str = ""
    purl: str = ""  # as written, with version and qualifiers
    cpe: str = ""

    @property
    def component(self) -> str:
        """The purl without version, else the CPE up to the product, else nothing."""
        return _naming.package(self.purl)[0] or _hosts.cpe(self.cpe)[0]


@lru_cache(maxsize=65536)
def software(name: str = "", version: str = "", purl: str = "", cpe: str = "") -> Software:
    """Software by whatever is known of it; name and version are taken from the identifiers where missing."""
    _component, plain, of_purl = _naming.package(purl)
    _cpe, product, of_cpe = _hosts.cpe(cpe)
    version = version or of_purl or of_cpe
    if name and not version and (found := _VERSION_AT_END.match(name)):
        name, version = found.group(1), found.group(2)
    elif version and name.endswith(version) and len(name) > len(version):
        name = name.removesuffix(version).rstrip(" :@v-") or name
    return Software(name or plain or product, version, purl, cpe)


def of_reference(text: str) -> Software:
    """Software that is only named by one text: a purl, a CPE, or a name."""
    text = text.strip()
    if text.startswith("pkg:"):
        return software(purl=text)
    return software(cpe=text) if text.startswith("cpe:") else software(name=text)


def sighting(one: Software, count: int = 0) -> Sighting:
    """The asset that a product is: an image for an OCI purl, else software of one version.

    Statements differ from version to version, so that each is an asset of its own. A bill of materials (`count`
    packages) is about the software itself, whatever its version.
    """
    attributes = ((("version", one.version),) if one.version else ()) + ((("packages", str(count)),) if count else ())
    if one.purl.lower().startswith(("pkg:oci/", "pkg:docker/")):
        return Sighting(
            key=f"image {one.purl}",
            name=one.name or one.purl,
            kind="image",
            identifiers=_image(one.purl),
            attributes=attributes,
        )
    name = one.name or one.component or "software without a name"
    version = "" if count else one.version
    purl = _naming.package(one.purl)[0]
    if purl and version:
        purl = f"{purl}@{version}"
    shown = f"{name} {version}".strip()
    return Sighting(
        key=f"software {purl or f'{one.component or name} {version}'.strip()}",
        name=shown,
        kind="code_component",
        identifiers=((("purl", purl),) if purl else ()) + (("artifact", shown),),
        attributes=attributes,
    )


def _image(purl: str) -> tuple[tuple[str, str], ...]:
    """Identifiers of an image by its purl: the digest stands as version, the repository as qualifier."""
    _component, name, version = _naming.package(purl)
    asked = parse_qs(purl.partition("?")[2].partition("#")[0])
    place = unquote(next(iter(asked.get("repository_url", [])), ""))
    tag = next(iter(asked.get("tag", [])), "")
    shown = f"{place or name}:{tag}" if tag else place or name
    return _naming.image_identifiers([shown], [version]) or (("artifact", purl),)


def tag(label: str, value: str) -> tuple[str, ...]:
    """A tag `label=value`, none without a value."""
    return (f"{label}={value}",) if value else ()
