"""The product tree of a CSAF document, and what a vulnerability says of each product."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from foreshore.discovery.readers import _naming, _vex
from foreshore.discovery.readers._vex import Software

_MOST_DEEP = 200


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """The objects of a list, other members left out; nothing where `value` is no list."""
    if isinstance(value, list):
        yield from (one for one in value if isinstance(one, dict))


class Products:
    """All products of a document by their identifiers, and which of them stand inside another."""

    def __init__(self, tree: Any) -> None:
        tree = tree if isinstance(tree, dict) else {}
        self.known: dict[str, Software] = {}
        self.inside: dict[str, tuple[str, str]] = {}  # product -> (component, platform)
        self._groups: dict[str, list[str]] = {}
        for row in objects(tree.get("full_product_names")):
            self._add(row, "", "")
        self._branches(tree.get("branches"))
        for row in objects(tree.get("relationships")):
            self._relation(row)
        for row in objects(tree.get("product_groups")):
            self._groups[_naming.text(row.get("group_id"))] = _naming.texts(row.get("product_ids"))

    def _branches(self, start: Any) -> None:
        waiting: list[tuple[Any, str, str, int]] = [(start, "", "", 0)]
        while waiting:
            rows, name, version, depth = waiting.pop()
            for row in objects(rows):
                category, own = _naming.text(row.get("category")), _naming.text(row.get("name"))
                inner_name = own if category == "product_name" else name
                inner_version = own if category == "product_version" else version
                product = row.get("product")
                if isinstance(product, dict):
                    self._add(product, inner_name, inner_version)
                if depth < _MOST_DEEP:
                    waiting.append((row.get("branches"), inner_name, inner_version, depth + 1))

    def _add(self, row: dict[str, Any], name: str, version: str) -> None:
        number = _naming.text(row.get("product_id"))
        if not number or number in self.known:
            return
        helper = row.get("product_identification_helper")
        helper = helper if isinstance(helper, dict) else {}
        purls = [_naming.text(helper.get("purl")), *_naming.texts(helper.get("purls"))]
        purl = next((one for one in purls if one), "")
        cpe = _naming.text(helper.get("cpe"))
        if of_purl := _naming.package(purl)[2]:
            version = of_purl  # branches of packages repeat name, version and architecture in one text
        if purl and not name:
            name = _naming.package(purl)[1]
        self.known[number] = _vex.software(name or _naming.text(row.get("name")), version, purl, cpe)

    def _relation(self, row: dict[str, Any]) -> None:
        product = row.get("full_product_name")
        if not isinstance(product, dict):
            return
        self._add(product, "", "")
        number = _naming.text(product.get("product_id"))
        part = _naming.text(row.get("product_reference"))
        platform = _naming.text(row.get("relates_to_product_reference"))
        if number and part and platform and number not in (part, platform):
            self.inside[number] = (part, platform)

    def place(self, number: str) -> tuple[Software, Software]:
        """(the product that is the asset, the software that is concerned) for a product's identifier."""
        part, platform = self.inside.get(number, (number, number))
        return self._of(platform), self._of(part)

    def _of(self, number: str) -> Software:
        return self.known.get(number) or _vex.of_reference(number)

    def named(self, row: dict[str, Any]) -> set[str] | None:
        """The products that `row` is about, groups resolved; None where it names none and so means all."""
        ids, groups = _naming.texts(row.get("product_ids")), _naming.texts(row.get("group_ids"))
        ids += _naming.texts(row.get("products"))
        if not ids and not groups:
            return None
        return {*ids, *(one for group in groups for one in self._groups.get(group, []))}


class Said:
    """What a vulnerability's lists say about single products, looked up by product."""

    def __init__(self, products: Products, rows: Any) -> None:
        self._all: list[dict[str, Any]] = []
        self._of: dict[str, list[dict[str, Any]]] = {}
        for row in objects(rows):
            named = products.named(row)
            if named is None:
                self._all.append(row)
            for one in named or ():
                self._of.setdefault(one, []).append(row)

    def about(self, product: str) -> list[dict[str, Any]]:
        """The rows about `product`, those that name it first."""
        return [*self._of.get(product, ()), *self._all]
