"""A CSAF product tree, resolved: what each product id stands for, through branches and relationships."""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

from foreshore.intel.documents import items
from foreshore.intel.feeds import _packages as packages
from foreshore.intel.weaknesses import cpe_names

UNCLEAR = "?"  # a range that says something that cannot be read
_DEEPEST = 64  # levels of branches
_PACKAGE = re.compile(r"(.+)-([^-]+-[^-]+)\.(?:x86_64|aarch64|noarch|src|s390x|ppc64le|ppc64|i[3-6]86|armv\w+)\Z")
_ASIDE = re.compile(r"\([^()]*\)")
_SPACES = re.compile(r"\s+")
_WORDS = re.compile(r"\b(?:all|versions?|earlier|before|prior to)\b", re.IGNORECASE)
_LETTER = re.compile(r"(?<![\w.])[vV](?=\d)")


class Product(NamedTuple):
    """What is meant: its text as signals name it, one version or '', and a range's constraints or ''."""

    text: str
    version: str = ""
    span: str = ""
    scheme: str = "generic"


class _Leaf(NamedTuple):
    name: str
    purl: str
    cpe: str
    version: str
    span: str
    title: str


def products(tree: Any) -> dict[str, Product]:
    """Return every product id of `tree` with what it stands for.

    Text is a purl without version (for packages of a distribution with `?distro=`), else
    `cpe:vendor:product`, else `name:` and the name: as exposures name their components.
    """
    tree = tree if isinstance(tree, dict) else {}
    leaves: dict[str, _Leaf] = {}
    for one in items(tree.get("full_product_names")):
        _leaf(one, {}, leaves)
    _branches(tree.get("branches"), {}, leaves, 0)
    found = {key: _alone(leaf) for key, leaf in leaves.items()}
    for one in items(tree.get("relationships")):
        whole = one.get("full_product_name") if isinstance(one, dict) else None
        key = whole.get("product_id") if isinstance(whole, dict) else None
        part, place = (one.get("product_reference"), one.get("relates_to_product_reference")) if key else (None, None)
        if isinstance(part, str) and part in leaves:
            found[str(key)] = _on(leaves[part], leaves.get(str(place)))
        elif isinstance(part, str) and part in found:  # a relationship of a relationship
            found[str(key)] = found[part]
    return found


def _branches(branches: Any, above: dict[str, str], leaves: dict[str, _Leaf], depth: int) -> None:
    for one in items(branches) if depth < _DEEPEST else ():
        if isinstance(one, dict):
            here = {**above, str(one.get("category") or ""): str(one.get("name") or "")}
            _leaf(one.get("product"), here, leaves)
            _branches(one.get("branches"), here, leaves, depth + 1)


def _leaf(product: Any, above: dict[str, str], leaves: dict[str, _Leaf]) -> None:
    key = product.get("product_id") if isinstance(product, dict) else None
    if not isinstance(key, str):
        return
    helper = product.get("product_identification_helper")
    helper = helper if isinstance(helper, dict) else {}
    purls = [one for one in (helper.get("purl"), *items(helper.get("purls"))) if isinstance(one, str)]
    leaves[key] = _Leaf(
        str(product.get("name") or ""),
        purls[0] if purls else "",
        str(helper.get("cpe") or ""),
        above.get("product_version", ""),
        above.get("product_version_range", ""),
        above.get("product_name") or above.get("product_family") or str(product.get("name") or ""),
    )


def _alone(leaf: _Leaf) -> Product:
    if text := packages.spelled(leaf.purl):
        return Product(text, _version(leaf.purl), constraint(leaf.span), packages.scheme(text))
    for vendor, name in cpe_names([leaf.cpe]):
        named = f"cpe:{vendor.lower()}:{name.lower()}"
        return Product(named, _plain_version(leaf) or _cpe_version(leaf.cpe), constraint(leaf.span))
    return Product(f"name:{_folded(leaf.title)}", _plain_version(leaf), constraint(leaf.span))


def _on(part: _Leaf, place: _Leaf | None) -> Product:
    """Return a component of a platform: a package gets the platform's release as its distribution."""
    found = _alone(part)
    if place is None:
        return found
    system, release = _release(place)
    if not part.purl and not part.span and system:
        package = _PACKAGE.match(part.name) or _PACKAGE.match(part.version)
        if package:
            found = Product(packages.spelled(f"pkg:rpm/{system}/{package[1]}"), package[2], "", "rpm")
    if not found.text.startswith(("pkg:rpm/", "pkg:deb/", "pkg:apk/")):
        return found
    namespace = found.text.split("/")[1]
    return found._replace(text=packages.distro(found.text, namespace, release))


def _release(place: _Leaf) -> tuple[str, str]:
    """Return (vendor, release) of a platform by its CPE, as `redhat`, `8`; without one its name."""
    for vendor, name in cpe_names([place.cpe]):
        start = 5 if place.cpe.startswith("cpe:2.3:") else 4
        rest = [one for one in place.cpe.split(":")[start : start + 2] if one not in ("", "*", "-")]
        return vendor, "-".join([*([] if name == "enterprise_linux" else [name]), *rest])
    return "", _folded(place.name)


def _version(purl: str) -> str:
    rest, _, qualifiers = purl.split("#", 1)[0].partition("?")
    at = rest.rfind("@")
    version = unquote(rest[at + 1 :]) if at > rest.rfind("/") else ""
    epoch = parse_qs(qualifiers).get("epoch", [""])[0]
    return f"{epoch}:{version}" if version and epoch not in ("", "0") and ":" not in version else version


def _cpe_version(cpe: str) -> str:
    parts = cpe.split(":")
    version = parts[5 if cpe.startswith("cpe:2.3:") else 4 :][:1]
    return version[0] if version and version[0] not in ("*", "-", "") else ""


def _plain_version(leaf: _Leaf) -> str:
    return _LETTER.sub("", leaf.version.strip())


def _folded(name: str) -> str:
    return _SPACES.sub(" ", name).strip().lower()


def constraint(text: str) -> str:
    """Return what a branch of versions says, as VERS constraints such as `>=2|<4.1`; `*` for all, `?` if unclear."""
    text = text.strip()
    if text.startswith("vers:"):
        scheme, _, rest = text[5:].partition("/")
        return "*" if scheme == "all" else rest
    if not text:
        return ""
    plain = re.sub(r"\b(?:before|prior to)\b", "<", _ASIDE.sub("", text), flags=re.IGNORECASE)
    plain = _LETTER.sub("", _WORDS.sub("", plain)).strip(" ,:")
    if not plain:
        return "*"
    found = packages.constraints(plain.replace(" and ", ","))
    return packages.vers("x", *found)[7:] if found else UNCLEAR
