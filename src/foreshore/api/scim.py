"""SCIM 2.0 (RFC 7643 and 7644): a directory makes and ends accounts here, and gives roles as groups.

Users carry `userName` (the address), `displayName`, `active`, `externalId`. Groups are the roles; a member has
the role for the whole organisation. Asked with a token that may administer people everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from foreshore.api.doors import Bearer
from foreshore.errors import ForeshoreError
from foreshore.server import audit, members
from foreshore.server.access import Access, NotAllowed
from foreshore.server.models import Person
from foreshore.server.roles import ROLES

_TYPE = "application/scim+json"
_USER = "urn:ietf:params:scim:schemas:core:2.0:User"
_GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
_LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
_FILTER = re.compile(r'\s*(userName|externalId|id)\s+eq\s+"([^"]{0,254})"\s*', re.IGNORECASE)
_MOST = 200
Row = dict[str, Any]
View = Callable[..., HttpResponse]


class _Stop(Exception):
    """An error in SCIM's words."""

    def __init__(self, status: int, detail: str, kind: str = "") -> None:
        super().__init__(detail)
        self.status, self.detail, self.kind = status, detail, kind


def _said(body: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(orjson.dumps(body, default=str), status=status, content_type=_TYPE)


def _view(**methods: View) -> View:
    """One address with a function for each method, its authentication and its errors."""

    @csrf_exempt
    def answer(request: HttpRequest, **named: Any) -> HttpResponse:
        try:
            access = Bearer()(request)
            if not isinstance(access, Access):
                raise _Stop(401, "a token is needed")
            access.need_everywhere("people")
            if request.method not in methods:
                raise _Stop(405, "not by this method")
            return methods[request.method](request, access, **named)
        except _Stop as stop:
            told = {"schemas": [_ERROR], "status": str(stop.status), "detail": stop.detail}
            return _said(told | ({"scimType": stop.kind} if stop.kind else {}), stop.status)
        except NotAllowed as error:
            return _said({"schemas": [_ERROR], "status": "403", "detail": error.what}, 403)
        except ForeshoreError as error:
            return _said({"schemas": [_ERROR], "status": "400", "detail": error.what}, 400)

    return answer


def _body(request: HttpRequest) -> Row:
    try:
        found = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        raise _Stop(400, "this is not JSON", "invalidSyntax") from None
    if not isinstance(found, dict):
        raise _Stop(400, "an object was expected", "invalidSyntax")
    return found


def _shown(one: Person) -> Row:
    roles = sorted({grant.role for grant in one.grants.all()})
    return {
        "schemas": [_USER], "id": str(one.pk), "externalId": one.external_id, "userName": one.email,
        "displayName": one.name, "active": one.is_active, "emails": [{"value": one.email, "primary": True}],
        "groups": [{"value": role, "display": role} for role in roles],
        "meta": {"resourceType": "User", "location": f"/api/scim/v2/Users/{one.pk}"},
    }  # fmt: skip


def _person(number: str) -> Person:
    found = Person.objects.prefetch_related("grants").filter(pk=int(number)).first() if _whole(number) else None
    if found is None:
        raise _Stop(404, "there is no such user")
    return found


def _whole(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 18


def _users(request: HttpRequest, access: Access) -> HttpResponse:
    found = Person.objects.prefetch_related("grants").order_by("pk")
    if asked := request.GET.get("filter", ""):
        match = _FILTER.fullmatch(asked)
        if match is None:
            raise _Stop(400, "only userName, externalId or id eq is known", "invalidFilter")
        name, value = match[1].lower(), match[2]
        if name == "id" and not _whole(value):
            found = found.none()
        else:
            found = found.filter(
                **{{"username": "email__iexact", "externalid": "external_id", "id": "pk"}[name]: value}
            )
    start, count = _number(request, "startIndex", 1), _number(request, "count", 100)
    rows = list(found[max(1, start) - 1 : max(1, start) - 1 + max(0, min(count, _MOST))])
    return _said({
        "schemas": [_LIST], "totalResults": found.count(), "startIndex": max(1, start), "itemsPerPage": len(rows),
        "Resources": [_shown(one) for one in rows],
    })  # fmt: skip


def _number(request: HttpRequest, name: str, usual: int) -> int:
    text = request.GET.get(name, "")
    return int(text) if _whole(text) else usual


def _make(request: HttpRequest, access: Access) -> HttpResponse:
    body = _body(request)
    email = _address(body)
    with transaction.atomic():
        if Person.objects.filter(email=email).exists():
            raise _Stop(409, "there is such a user already", "uniqueness")
        made = Person.objects.create_user(
            email, None, name=_text(body.get("displayName"), 200), external_id=_text(body.get("externalId"), 200),
            is_active=body.get("active") is not False,
        )  # fmt: skip
    audit.note("account made by a directory", author=access.person, person=email)
    return _said(_shown(made), 201)


def _address(body: Row) -> str:
    found = _text(body.get("userName"), 254).strip().lower()
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", found):
        raise _Stop(400, "userName has to be an address", "invalidValue")
    return found


def _text(value: Any, most: int) -> str:
    return str(value)[:most] if isinstance(value, str) and "\x00" not in value else ""


def _one(request: HttpRequest, access: Access, number: str) -> HttpResponse:
    return _said(_shown(_person(number)))


def _replace(request: HttpRequest, access: Access, number: str) -> HttpResponse:
    one, body = _person(number), _body(request)
    _change(
        access, one, {name: body[name] for name in ("displayName", "externalId", "active", "userName") if name in body}
    )
    return _said(_shown(_person(number)))


def _patch(request: HttpRequest, access: Access, number: str) -> HttpResponse:
    one = _person(number)
    for operation in _operations(_body(request)):
        value, where = operation.get("value"), operation.get("path")
        changed = value if isinstance(value, dict) and not where else {str(where): value}
        if str(operation.get("op", "")).lower() not in ("replace", "add"):
            raise _Stop(400, "only add and replace are known for users", "invalidValue")
        _change(access, one, changed)
    return _said(_shown(_person(number)))


def _operations(body: Row) -> list[Row]:
    found = body.get("Operations")
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise _Stop(400, "Operations are missing", "invalidSyntax")
    return found


def _change(access: Access, one: Person, body: Row) -> None:
    if "userName" in body and _address(body) != one.email:
        raise _Stop(400, "an address is not changed; make another account", "mutability")
    if "displayName" in body:
        one.name = _text(body["displayName"], 200)
    if "externalId" in body:
        one.external_id = _text(body["externalId"], 200)
    one.save(update_fields=["name", "external_id"])
    if "active" in body:
        active = body["active"] in (True, "true", "True")
        if active != one.is_active:
            members.switch(access, one.pk, active=active)


def _end(request: HttpRequest, access: Access, number: str) -> HttpResponse:
    one = _person(number)
    if one.is_active:
        members.switch(access, one.pk, active=False)  # what they did stays under their name
    return HttpResponse(status=204)


def _group(role: str) -> Row:
    persons = Person.objects.filter(
        grants__role=role, grants__entities=[], grants__teams=[], grants__services=[]
    ).distinct().order_by("pk")  # fmt: skip
    return {
        "schemas": [_GROUP], "id": role, "displayName": role,
        "members": [{"value": str(one.pk), "display": one.email} for one in persons],
        "meta": {"resourceType": "Group", "location": f"/api/scim/v2/Groups/{role}"},
    }  # fmt: skip


def _groups(request: HttpRequest, access: Access) -> HttpResponse:
    rows = [_group(role) for role in ROLES]
    asked = re.fullmatch(r'\s*displayName\s+eq\s+"([^"]*)"\s*', request.GET.get("filter", ""))
    if asked is not None:
        rows = [one for one in rows if one["displayName"] == asked[1]]
    return _said(
        {"schemas": [_LIST], "totalResults": len(rows), "startIndex": 1, "itemsPerPage": len(rows), "Resources": rows}
    )


def _one_group(request: HttpRequest, access: Access, role: str) -> HttpResponse:
    return _said(_group(_known(role)))


def _known(role: str) -> str:
    if role not in ROLES:
        raise _Stop(404, "there is no such group: groups are roles")
    return role


def _patch_group(request: HttpRequest, access: Access, role: str) -> HttpResponse:
    _known(role)
    for operation in _operations(_body(request)):
        word = str(operation.get("op", "")).lower()
        for number in _numbers(operation):
            _give(access, number, role) if word == "add" else _take(access, number, role)
        if word not in ("add", "remove"):
            raise _Stop(400, "only add and remove are known for members", "invalidValue")
    return _said(_group(role))


def _numbers(operation: Row) -> list[str]:
    named = re.fullmatch(r'members\[value eq "([^"]*)"\]', str(operation.get("path") or ""))
    if named is not None:
        return [named[1]]
    value = operation.get("value")
    listed = value.get("members") if isinstance(value, dict) else value
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise _Stop(400, "members are missing", "invalidValue")
    return [str(one.get("value", "")) for one in listed]


def _give(access: Access, number: str, role: str) -> None:
    one = _person(number)
    if not one.grants.filter(role=role, entities=[], teams=[], services=[]).exists():
        members.grant(access, one.pk, role, {"entities": [], "teams": [], "services": []})


def _take(access: Access, number: str, role: str) -> None:
    one = _person(number)
    for grant in one.grants.filter(role=role, entities=[], teams=[], services=[]):
        members.take(access, one.pk, grant.pk)


def _config(request: HttpRequest, access: Access) -> HttpResponse:
    no = {"supported": False}
    return _said({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"], "patch": {"supported": True},
        "bulk": {**no, "maxOperations": 0, "maxPayloadSize": 0}, "filter": {"supported": True, "maxResults": _MOST},
        "changePassword": no, "sort": no, "etag": no,
        "authenticationSchemes": [{"type": "oauthbearertoken", "name": "Token", "description": "Authorization: Bearer fst_…"}],
    })  # fmt: skip


def _types(request: HttpRequest, access: Access) -> HttpResponse:
    rows = [
        {"id": name, "name": name, "endpoint": f"/{name}s", "schema": schema,
         "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"]}
        for name, schema in (("User", _USER), ("Group", _GROUP))
    ]  # fmt: skip
    return _said({"schemas": [_LIST], "totalResults": len(rows), "startIndex": 1, "itemsPerPage": 2, "Resources": rows})


urlpatterns = [
    path("Users", _view(GET=_users, POST=_make)),
    path("Users/<str:number>", _view(GET=_one, PUT=_replace, PATCH=_patch, DELETE=_end)),
    path("Groups", _view(GET=_groups)),
    path("Groups/<str:role>", _view(GET=_one_group, PATCH=_patch_group)),
    path("ServiceProviderConfig", _view(GET=_config)),
    path("ResourceTypes", _view(GET=_types)),
]
