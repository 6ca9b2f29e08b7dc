"""Checks of Prowler whose failure says that this very resource can be reached from the internet.

Only checks that look at the resource's own setting stand here: one about logging or encryption of
a public resource says nothing, and a passed check proves nothing, as there are other ways in.
Names as in Prowler's catalogue of checks.
"""

from __future__ import annotations

from foreshore.discovery.patterns import regex

_NAMES = frozenset(
    {
        # Amazon
        "awslambda_function_not_publicly_accessible", "awslambda_function_url_public",
        "dms_instance_no_public_access", "documentdb_cluster_public_snapshot", "ec2_ami_public",
        "ec2_ebs_public_snapshot", "ec2_instance_internet_facing_with_instance_profile",
        "ec2_instance_public_ip", "ecr_repositories_not_publicly_accessible",
        "ecs_service_no_assign_public_ip",
        "efs_not_publicly_accessible", "eks_cluster_not_publicly_accessible",
        "eks_endpoints_not_publicly_accessible", "elb_internet_facing", "elbv2_internet_facing",
        "emr_cluster_publicly_accesible", "glacier_vaults_policy_public_access", "kafka_cluster_is_public",
        "lightsail_database_public", "lightsail_instance_public", "mq_broker_not_publicly_accessible",
        "neptune_cluster_public_snapshot", "opensearch_service_domains_not_publicly_accessible",
        "rds_instance_no_public_access", "rds_snapshots_public_access", "redshift_cluster_public_access",
        "s3_access_point_public_access_block", "s3_bucket_policy_public_write_access",
        "s3_bucket_public_access",
        "s3_bucket_public_list_acl", "s3_bucket_public_write_acl", "secretsmanager_not_publicly_accessible",
        "sns_topics_not_publicly_accessible", "sqs_queues_not_publicly_accessible",
        # Azure
        "aks_clusters_public_access_disabled", "containerregistry_not_publicly_accessible",
        "network_http_internet_access_restricted", "network_rdp_internet_access_restricted",
        "network_ssh_internet_access_restricted", "network_udp_internet_access_restricted",
        "sqlserver_unrestricted_inbound_access", "storage_blob_public_access_level_is_disabled",
        # Google
        "bigquery_dataset_public_access", "cloudsql_instance_public_access", "cloudsql_instance_public_ip",
        "cloudstorage_bucket_public_access", "compute_instance_public_ip",
    }
)  # fmt: skip
_PATTERNS = regex(
    r"ec2_instance_port_\w+_exposed_to_internet"
    r"|ec2_securitygroup_allow_ingress_from_internet_to_\w+"
    r"|compute_firewall_\w+_access_from_the_internet_allowed"
)


def says_public(check: str) -> bool:
    """Whether a failure of `check` says that the resource is open to the internet."""
    return check in _NAMES or _PATTERNS.fullmatch(check) is not None
