"""AWS from the command line to assets and relations, against a real server of moto on loopback."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

boto3 = pytest.importorskip("boto3")
moto_server = pytest.importorskip("moto.server")

from foreshore import facts  # noqa: E402
from foreshore.discovery import collecting  # noqa: E402
from foreshore.discovery.connectors._asking import Pace  # noqa: E402
from foreshore.discovery.reports import FileReport  # noqa: E402
from foreshore.discovery.sniffing import pick  # noqa: E402
from foreshore.workspace import Workspace  # noqa: E402

pytestmark = pytest.mark.slow
REGION = "eu-west-1"
ACCOUNT = "123456789012"  # moto's own
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_EC2_METADATA_DISABLED": "true"}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a moto server."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def cloud(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The server with a small shop in one account, and credentials for it in the environment."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    ask(f"{server}/moto-api/reset", b"")
    shop(server)
    return server


def ask(url: str, body: bytes) -> None:
    import httpx

    httpx.post(url, content=body, timeout=60).raise_for_status()


def client(server: str, name: str, **more: Any) -> Any:
    return boto3.client(name, region_name=REGION, endpoint_url=server, **more)


def network(server: str) -> dict[str, str]:
    ec2 = client(server, "ec2")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    public = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.1.0/24")["Subnet"]["SubnetId"]
    private = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.2.0/24")["Subnet"]["SubnetId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    routes = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=routes, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    ec2.associate_route_table(RouteTableId=routes, SubnetId=public)
    web = ec2.create_security_group(GroupName="web", Description="web", VpcId=vpc)["GroupId"]
    data = ec2.create_security_group(GroupName="data", Description="data", VpcId=vpc)["GroupId"]
    rule: dict[str, Any] = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=web, IpPermissions=[rule])
    rule = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": web}]}
    ec2.authorize_security_group_ingress(GroupId=data, IpPermissions=[rule])
    return {"public": public, "private": private, "web": web, "data": data}


def shop(server: str) -> None:
    """A web machine that faces the internet under an all-powerful role, a database machine, images, a bucket."""
    net = network(server)
    iam = client(server, "iam")
    trust = {
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]
    }
    iam.create_role(RoleName="web-role", AssumeRolePolicyDocument=json.dumps(trust))
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_role_policy(RoleName="web-role", PolicyName="all", PolicyDocument=json.dumps(everything))
    iam.create_instance_profile(InstanceProfileName="web")
    iam.add_role_to_instance_profile(InstanceProfileName="web", RoleName="web-role")
    ec2 = client(server, "ec2")
    image = ec2.describe_images()["Images"][0]["ImageId"]
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "web-1"}]}]
    card = {"DeviceIndex": 0, "SubnetId": net["public"], "Groups": [net["web"]], "AssociatePublicIpAddress": True}
    ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, IamInstanceProfile={"Name": "web"},
                      NetworkInterfaces=[card], TagSpecifications=tags)  # fmt: skip
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "db-1"}]}]
    ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, SubnetId=net["private"],
                      SecurityGroupIds=[net["data"]], TagSpecifications=tags)  # fmt: skip
    images(server)
    reported(server)
    where = {"LocationConstraint": REGION}
    client(server, "s3").create_bucket(Bucket="example-files", CreateBucketConfiguration=where)


def images(server: str) -> None:
    """One image, which the registry has scanned."""
    ecr = client(server, "ecr")
    ecr.create_repository(repositoryName="shop/api")
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    config = {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 7, "digest": "sha256:" + "a1" * 32}
    manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": []})
    ecr.put_image(repositoryName="shop/api", imageManifest=manifest, imageTag="1.0")
    ecr.start_image_scan(repositoryName="shop/api", imageId={"imageTag": "1.0"})


def reported(server: str) -> None:
    """A finding in Security Hub about the bucket."""
    finding = {
        "SchemaVersion": "2018-10-08", "Id": "finding-1", "GeneratorId": "example/bucket-encryption",
        "ProductArn": f"arn:aws:securityhub:{REGION}:{ACCOUNT}:product/{ACCOUNT}/default", "AwsAccountId": ACCOUNT,
        "Types": ["Software and Configuration Checks"], "CreatedAt": "2026-03-01T00:00:00Z",
        "UpdatedAt": "2026-03-01T00:00:00Z", "Severity": {"Label": "HIGH"}, "Title": "The bucket is not encrypted",
        "Description": "Objects are kept in the clear.", "RecordState": "ACTIVE", "Workflow": {"Status": "NEW"},
        "Compliance": {"Status": "FAILED"}, "Resources": [{"Type": "AwsS3Bucket", "Id": "arn:aws:s3:::example-files"}],
    }  # fmt: skip
    client(server, "securityhub").batch_import_findings(Findings=[finding])


def settings(server: str, more: str = "") -> str:
    return (
        f'[sources.cloud]\nconnector = "aws"\nendpoint_url = "{server}"\nallow = ["127.0.0.1"]\n'
        f"requests_per_second = 500\n{more or f'regions = [{REGION!r}]'}\n"
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "ws", seed=7)


def foreshore(workspace: Workspace, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "foreshore.cli.main", *arguments, "-w", str(workspace.root)],
        capture_output=True, stdin=subprocess.DEVNULL, encoding="utf-8", timeout=600,
        env={**os.environ, "COLUMNS": "160", "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def collected(workspace: Workspace, pace: Pace | None = None) -> collecting.Collected:
    [source] = collecting.sources(workspace)
    return collecting.collect(workspace, source, pace=pace)


def records(found: collecting.Collected) -> list[facts.Record]:
    path = Path(found.reports[0][0])
    report = FileReport(path.name, path)
    name, reader = pick(report)
    assert name == "aws_collection"
    return [one for one in reader.read(report) if not isinstance(one, facts.RunSeen)]


# -- the whole way ------------------------------------------------------------------------------------


def test_from_the_command_line_to_assets_and_relations(cloud: str, workspace: Workspace) -> None:
    (workspace.root / "sources.toml").write_text(settings(cloud), encoding="utf-8")
    [result] = json.loads(foreshore(workspace, "collect", "--json").stdout)
    assert (result["source"], result["error"], result["resumed"]) == ("cloud", None, 0)
    runs = {run["reader"]: run for run in result["import"]["runs"]}
    assert runs["aws_collection"]["source"] == "cloud"
    assert runs["asff"]["findings"] == 1
    assert (runs["aws_collection"]["findings"] > 0, runs["aws_collection"]["coverage"]) == (True, "complete")
    foreshore(workspace, "cycle", "--json")
    assets = {one["name"]: one for one in json.loads(foreshore(workspace, "assets", "--json").stdout)}
    assert {"web-1", "db-1", "web-role", "shop/api", "example-files", ACCOUNT} <= assets.keys()
    assert assets["web-1"]["kind"] == "host"
    # What Security Hub says and what was listed is one bucket.
    assert assets["example-files"]["open_exposures"] == 1
    assert assets["shop/api:1.0"]["open_exposures"] > 0
    # Nothing is left in the clear, and the raw answers are kept as evidence.
    assert [one.name for one in (workspace.root / "collected" / "cloud").iterdir()] == ["lock"]
    assert list(workspace.evidence_dir.glob("*.bin"))
    from foreshore.store import open_lake

    with open_lake(workspace, read_only=True) as lake:
        kinds = lake.sql("SELECT kind, count(*) AS n FROM relations GROUP BY kind").to_pylist()
        exposed = lake.sql("SELECT name FROM sightings WHERE internet = 'yes'").to_pylist()
    assert {one["kind"] for one in kinds} >= {"may_reach", "member_of", "runs_as", "trusts", "admin_of"}
    assert [one["name"] for one in exposed] == ["web-1"]


def test_the_same_cloud_again_is_seen_again(cloud: str, workspace: Workspace) -> None:
    (workspace.root / "sources.toml").write_text(settings(cloud), encoding="utf-8")
    first = json.loads(foreshore(workspace, "collect", "--json").stdout)[0]["import"]["assets"]
    second = json.loads(foreshore(workspace, "collect", "cloud", "--json").stdout)[0]["import"]["assets"]
    assert first["new"] > 0
    assert (second["new"], second["review"]) == (0, 0)
    assert second["seen"] == first["new"]


def test_a_dry_run_touches_nothing(workspace: Workspace) -> None:
    # No server is there: asking anything would fail.
    (workspace.root / "sources.toml").write_text(settings("http://127.0.0.1:9"), encoding="utf-8")
    before = {one: one.stat().st_mtime_ns for one in workspace.root.rglob("*")}
    [shown] = json.loads(foreshore(workspace, "collect", "--dry-run", "--json").stdout)
    assert {"sts:GetCallerIdentity", "ec2:DescribeInstances", "s3:ListBuckets"} <= {c["call"] for c in shown["calls"]}
    assert {one["region"] for one in shown["calls"]} == {"", REGION}
    assert "Nothing was asked" in foreshore(workspace, "collect", "cloud", "--dry-run").stdout
    assert {one: one.stat().st_mtime_ns for one in workspace.root.rglob("*")} == before


def test_wrong_usage_and_nothing_to_read(workspace: Workspace) -> None:
    foreshore(workspace, "collect", code=3)
    (workspace.root / "sources.toml").write_text(settings("http://127.0.0.1:9"), encoding="utf-8")
    assert "one of cloud" in foreshore(workspace, "collect", "other", code=2).stderr
    assert "aws" in foreshore(workspace, "collect", "--list").stdout
    (workspace.root / "sources.toml").write_text(settings("http://127.0.0.1:9", "region = 1"), encoding="utf-8")
    assert "line 6" in foreshore(workspace, "collect", code=2).stderr


# -- interruptions ------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process died."""


def dying(after: int) -> Pace:
    """A pace that lets `after` requests out and then dies."""
    left = [after]

    def clock() -> float:
        if not left[0]:
            raise Killed
        left[0] -= 1
        return 0.0

    return Pace(1e9, clock, lambda _seconds: None)


def test_interrupted_and_resumed_gives_the_same_as_one_go(cloud: str, tmp_path: Path) -> None:
    whole = Workspace.create(tmp_path / "whole")
    parts = Workspace.create(tmp_path / "parts")
    for one in (whole, parts):
        (one.root / "sources.toml").write_text(settings(cloud), encoding="utf-8")
    expected = collected(whole, Pace(1e9))
    for after in (1, 4, 9):
        with pytest.raises(Killed):
            collected(parts, dying(after))
    found = collected(parts, Pace(1e9))
    assert found.resumed == 1 + 4 + 9
    assert found.answers == expected.answers
    assert records(found) == records(expected)
    assert found.refused == expected.refused


def test_a_process_that_is_killed_goes_on(cloud: str, workspace: Workspace) -> None:
    slow = settings(cloud).replace("requests_per_second = 500", "requests_per_second = 4")
    (workspace.root / "sources.toml").write_text(slow, encoding="utf-8")
    command = [sys.executable, "-m", "foreshore.cli.main", "collect", "-w", str(workspace.root)]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    file = workspace.root / "collected" / "cloud" / "collection.ndjson"
    while not file.exists() or file.read_bytes().count(b"\n") < 5:
        assert running.poll() is None
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    running.wait()
    (workspace.root / "sources.toml").write_text(settings(cloud), encoding="utf-8")
    [result] = json.loads(foreshore(workspace, "collect", "--json").stdout)
    assert result["resumed"] >= 4
    assert result["answers"] > result["resumed"]
    assert result["import"]["assets"]["new"] > 0


# -- refusals and limits ------------------------------------------------------------------------------


def test_a_refused_call_is_named_and_everything_else_goes_on(
    cloud: str, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    iam = client(cloud, "iam")
    iam.create_user(UserName="reader")
    policy = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": ["ecr:*", "ec2:DescribeRouteTables"], "Resource": "*"},
    ]}  # fmt: skip
    iam.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    ask(f"{cloud}/moto-api/reset-auth", b"0")
    try:
        (workspace.root / "sources.toml").write_text(settings(cloud), encoding="utf-8")
        found = collected(workspace)
    finally:
        ask(f"{cloud}/moto-api/reset-auth", b"999999999")
    refused = {one.call: one for one in found.refused}
    assert {"ecr:DescribeRepositories", "ec2:DescribeRouteTables"} <= refused.keys()
    assert refused["ecr:DescribeRepositories"].region == REGION
    assert "not authorized" in refused["ecr:DescribeRepositories"].why
    taken = records(found)
    skipped = {one.where: one.why for one in taken if isinstance(one, facts.Skipped)}
    assert skipped[f"ecr:DescribeRepositories, account {ACCOUNT}, {REGION}"].startswith("refused: ")
    seen = {one.name: one for one in taken if isinstance(one, facts.Sighting)}
    assert "web-1" in seen
    # Without routes nobody can say whether it faces the internet: refused is not empty.
    assert seen["web-1"].internet == "unknown"


@contextmanager
def in_between(server: str, busy: int) -> Iterator[tuple[str, list[int]]]:
    """A server that says `busy` times that it is asked too often, then hands requests on."""
    import httpx

    said: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            if len(said) < busy:
                said.append(503)
                return self._send(503, {"Retry-After": "1", "Content-Type": "text/xml"}, (
                    b"<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>"
                ))  # fmt: skip
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            found = httpx.request(self.command, server + self.path, headers=headers, content=body, timeout=60)
            kept = {name: value for name, value in found.headers.items() if name.startswith(("content-type", "x-amz"))}
            return self._send(found.status_code, kept, found.content)

        def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = _answer  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            """Nothing."""

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{proxy.server_port}", said
    finally:
        proxy.shutdown()
        proxy.server_close()


def test_it_waits_as_long_as_it_is_asked_to(cloud: str, workspace: Workspace) -> None:
    slept: list[float] = []
    with in_between(cloud, 3) as (address, said):
        more = f"regions = [{REGION!r}]\nservices = ['ec2']"
        (workspace.root / "sources.toml").write_text(settings(address, more), encoding="utf-8")
        found = collected(workspace, Pace(1e9, lambda: 0.0, slept.append))
    assert len(said) == 3
    assert [one for one in slept if one > 0.1] == [1.0, 1.0, 1.0]
    assert found.refused == ()
    assert "web-1" in {one.name for one in records(found) if isinstance(one, facts.Sighting)}


def test_a_server_that_stays_busy_stops_the_run_and_keeps_what_there_is(cloud: str, workspace: Workspace) -> None:
    with in_between(cloud, 10_000) as (address, said):
        (workspace.root / "sources.toml").write_text(settings(address), encoding="utf-8")
        with pytest.raises(collecting.CollectionFailed, match="goes on where it stopped"):
            collected(workspace, Pace(1e9, lambda: 0.0, lambda _seconds: None))
    assert len(said) == 8
    (workspace.root / "sources.toml").write_text(settings(cloud), encoding="utf-8")
    assert collected(workspace).answers > 10


def test_addresses_that_are_not_allowed_are_not_asked(cloud: str, workspace: Workspace) -> None:
    text = settings(cloud).replace('allow = ["127.0.0.1"]\n', "")
    (workspace.root / "sources.toml").write_text(text, encoding="utf-8")
    assert "loopback" in foreshore(workspace, "collect", code=1).stderr


def test_every_account_of_an_organization_is_asked_under_its_role(cloud: str, workspace: Workspace) -> None:
    organizations = client(cloud, "organizations")
    organizations.create_organization(FeatureSet="ALL")
    made = organizations.create_account(AccountName="Payments", Email="payments@example.com")["CreateAccountStatus"]
    other = made["AccountId"]
    role = f"arn:aws:iam::{other}:role/foreshore-read"
    lent = client(cloud, "sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    there = {"aws_access_key_id": lent["AccessKeyId"], "aws_secret_access_key": lent["SecretAccessKey"],
             "aws_session_token": lent["SessionToken"]}  # fmt: skip
    where = {"LocationConstraint": REGION}
    client(cloud, "s3", **there).create_bucket(Bucket="example-payments", CreateBucketConfiguration=where)
    more = f"regions = [{REGION!r}]\norganization = true\nrole = 'foreshore-read'\nservices = ['ec2', 's3']"
    (workspace.root / "sources.toml").write_text(settings(cloud, more), encoding="utf-8")
    seen = {one.name: dict(one.attributes) for one in records(collected(workspace)) if isinstance(one, facts.Sighting)}
    assert seen["example-payments"]["account"] == other
    assert seen["example-files"]["account"] == ACCOUNT
    assert seen["Payments"]["resource_type"] == "account"


def test_values_of_environment_variables_are_never_kept(cloud: str, workspace: Workspace) -> None:
    from foreshore.discovery.connectors._aws_calls import without_secrets

    body = {"Functions": [{"FunctionName": "f", "Environment": {"Variables": {"KEY": "not-a-real-secret"}}}],
            "UserData": "not-a-real-secret"}  # fmt: skip
    kept = without_secrets(body)
    assert kept["Functions"][0]["Environment"]["Variables"] == {"KEY": "left out"}
    assert "not-a-real-secret" not in json.dumps(kept)
    (workspace.root / "sources.toml").write_text(settings(cloud), encoding="utf-8")
    found = collected(workspace)
    assert all(KEYS["AWS_SECRET_ACCESS_KEY"].encode() not in Path(path).read_bytes() for path, _ in found.reports)
