"""What a company has besides hosts: container images, source repositories and cloud resources."""

from __future__ import annotations

from random import Random

from foreshore.estate import catalogue
from foreshore.estate.model import CloudResource, Flaw, Image, Repository

ACCOUNTS = {"hq": "111122223333", "south": "444455556666"}
REGIONS = {"hq": "eu-central-1", "south": "eu-west-1"}

_DEBIAN = "openssl-deb zlib-deb glibc-deb expat-deb krb5-deb perl-deb sqlite-deb"
_BOOKWORM = "openssl3-deb curl-deb zlib-deb"
_ALPINE = "musl-apk busybox-apk"
# name, base system, product groups, hosts where it runs
_IMAGES: tuple[tuple[str, str, str, str], ...] = (
    ("shop/storefront", "debian 11.3", f"{_DEBIAN} next express qs lodash axios ws", "hq/shop-web-03"),
    ("shop/cart", "debian 11.3", f"{_DEBIAN} spring-beans spring-web snakeyaml jackson", "hq/shop-web-02"),
    ("shop/search", "debian 12.1", f"{_BOOKWORM} log4j1 guava commons-io", "hq/shop-web-02"),
    ("shop/images", "debian 12.1", f"{_BOOKWORM} pillow requests urllib3", "hq/shop-web-04"),
    ("payments/gateway", "debian 12.1", f"{_BOOKWORM} spring-webmvc jackson", "hq/pay-app-02"),
    ("payments/ledger", "alpine 3.10", f"{_ALPINE} commons-text guava", "hq/pay-app-02"),
    ("hr/portal", "debian 11.3", f"{_DEBIAN} django jinja2 requests urllib3 pyyaml", "hq/hr-app-01"),
    ("wms/labels", "debian 11.3", f"{_DEBIAN} log4j-core commons-io", "south/wms-web-01"),
    ("wms/routing", "alpine 3.10", f"{_ALPINE} minimist lodash braces semver", "south/wms-app-01"),
    ("tools/report-batch", "alpine 3.10", f"{_ALPINE} cryptography setuptools", ""),
    ("tools/legacy-export", "debian 11.3", f"{_DEBIAN} struts log4j1", ""),
    ("tools/notebook", "debian 12.1", f"{_BOOKWORM} werkzeug jinja2 setuptools", "hq/ml-01"),
)
_REPOSITORIES: tuple[tuple[str, str], ...] = (
    ("shop-storefront", "next express qs lodash axios ws cross-spawn semver"),
    ("shop-cart", "spring-beans spring-web snakeyaml jackson commons-text"),
    ("payments-gateway", "spring-webmvc jackson guava"),
    ("hr-portal", "django jinja2 requests urllib3 pyyaml pillow"),
    ("wms-labels", "log4j-core commons-io"),
    ("build-scripts", "requests setuptools cryptography werkzeug"),
)
# kind, name, checks that fail (others of the kind pass), site, tags
_CLOUD: tuple[tuple[str, str, str, str, str], ...] = (
    ("bucket", "example-stores-static", "s3_bucket_public_access", "hq", "service=web-shop"),
    ("bucket", "example-stores-invoices", "s3_bucket_secure_transport_policy", "hq", "service=payments"),
    ("bucket", "example-stores-db-dumps", "s3_bucket_public_access s3_bucket_default_encryption", "hq", ""),
    ("bucket", "example-stores-logs", "", "hq", ""),
    ("bucket", "example-stores-hr", "s3_bucket_secure_transport_policy", "hq", "service=payroll"),
    ("bucket", "example-south-labels", "s3_bucket_secure_transport_policy", "south", "service=warehouse"),
    ("bucket", "example-south-archive", "s3_bucket_default_encryption", "south", ""),
    (
        "instance",
        "i-0a1b2c3d4e5f60001",
        "ec2_instance_imdsv2_enabled ec2_instance_public_ip",
        "hq",
        "service=web-shop",
    ),
    ("instance", "i-0a1b2c3d4e5f60002", "ec2_instance_imdsv2_enabled", "hq", "service=web-shop"),
    ("instance", "i-0a1b2c3d4e5f60003", "", "hq", ""),
    ("instance", "i-0a1b2c3d4e5f60004", "ec2_instance_public_ip", "hq", ""),
    ("instance", "i-0a1b2c3d4e5f60005", "ec2_instance_imdsv2_enabled", "south", "service=warehouse"),
    ("instance", "i-0a1b2c3d4e5f60006", "", "south", ""),
    (
        "security-group",
        "sg-0123456789abc0001",
        "ec2_securitygroup_allow_ingress_from_internet_to_tcp_port_22",
        "hq",
        "",
    ),
    ("security-group", "sg-0123456789abc0002", "", "hq", ""),
    (
        "security-group",
        "sg-0123456789abc0003",
        "ec2_securitygroup_allow_ingress_from_internet_to_tcp_port_3389",
        "south",
        "",
    ),
    ("user", "deploy-shop", "iam_rotate_access_key_90_days", "hq", "service=web-shop"),
    ("user", "ops-admin-1", "iam_user_mfa_enabled_console_access", "hq", ""),
    ("user", "ops-admin-2", "", "hq", ""),
    ("user", "backup-writer", "iam_rotate_access_key_90_days", "hq", ""),
    (
        "user",
        "wms-sync",
        "iam_rotate_access_key_90_days iam_policy_attached_only_to_group_or_roles",
        "south",
        "",
    ),
    ("database", "shop-orders", "rds_instance_no_public_access", "hq", "service=web-shop"),
    ("database", "wms-stock", "", "south", "service=warehouse"),
    ("account", "root", "iam_root_mfa_enabled guardduty_is_enabled", "south", ""),
    ("account", "root", "guardduty_is_enabled", "hq", ""),
)
CHECKS: dict[str, tuple[str, ...]] = {
    "bucket": (
        "s3_bucket_public_access",
        "s3_bucket_default_encryption",
        "s3_bucket_secure_transport_policy",
    ),
    "instance": ("ec2_instance_imdsv2_enabled", "ec2_instance_public_ip"),
    "security-group": (
        "ec2_securitygroup_allow_ingress_from_internet_to_tcp_port_22",
        "ec2_securitygroup_allow_ingress_from_internet_to_tcp_port_3389",
    ),
    "user": (
        "iam_user_mfa_enabled_console_access",
        "iam_rotate_access_key_90_days",
        "iam_policy_attached_only_to_group_or_roles",
    ),
    "database": ("rds_instance_no_public_access", "rds_instance_storage_encrypted"),
    "account": ("iam_root_mfa_enabled", "guardduty_is_enabled", "cloudtrail_multi_region_enabled"),
}


def make(seed: int) -> tuple[tuple[Image, ...], tuple[Repository, ...], tuple[CloudResource, ...]]:
    """Return images, repositories and cloud resources made from `seed`."""
    draw = Random(f"{seed}/things")  # noqa: S311 - a company, not a secret
    images = tuple(_image(row, draw) for row in _IMAGES)
    repositories = tuple(
        Repository(name, f"https://git.example.com/stores/{name}", _flaws(groups)) for name, groups in _REPOSITORIES
    )
    return images, repositories, tuple(_cloud(row) for row in _CLOUD)


def _image(row: tuple[str, str, str, str], draw: Random) -> Image:
    name, base, groups, runs_on = row
    tag = f"{draw.randrange(1, 4)}.{draw.randrange(0, 20)}.{draw.randrange(0, 9)}"
    return Image(
        name=name,
        reference=f"registry.example.com/{name}:{tag}",
        digest=f"sha256:{draw.getrandbits(256):064x}",
        base=base,
        flaws=_flaws(groups),
        runs_on=tuple(runs_on.split()),
    )


def _flaws(groups: str) -> tuple[Flaw, ...]:
    return tuple(flaw for group in groups.split() for flaw in catalogue.by_group()[group])


def _cloud(row: tuple[str, str, str, str, str]) -> CloudResource:
    kind, name, failed, site, tags = row
    account, region = ACCOUNTS[site], REGIONS[site]
    arns = {
        "bucket": f"arn:aws:s3:::{name}",
        "instance": f"arn:aws:ec2:{region}:{account}:instance/{name}",
        "security-group": f"arn:aws:ec2:{region}:{account}:security-group/{name}",
        "user": f"arn:aws:iam::{account}:user/{name}",
        "database": f"arn:aws:rds:{region}:{account}:db:{name}",
        "account": f"arn:aws:iam::{account}:root",
    }
    fails = tuple(failed.split())
    passes = tuple(check for check in CHECKS[kind] if check not in fails)
    return CloudResource(
        arn=arns[kind], name=name, kind=kind, account=account, region=region, site=site,
        passed=passes, failed=fails, tags=tuple(tags.split()),
    )  # fmt: skip
