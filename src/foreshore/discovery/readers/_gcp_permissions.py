"""Permissions of Google Cloud by which one identity or workload can be taken through another, and roles that hold them.

Sources: Google Cloud's references of IAM permissions and of predefined roles.
"""

from __future__ import annotations

from collections.abc import Mapping

# permission -> the end of the type of what it is over; "" is the project itself, in which something is made.
PERMISSIONS: Mapping[str, str] = {
    **dict.fromkeys((
        "iam.serviceAccounts.actAs", "iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.signBlob",
        "iam.serviceAccounts.signJwt", "iam.serviceAccounts.implicitDelegation", "iam.serviceAccounts.setIamPolicy",
        "iam.serviceAccountKeys.create",
    ), "/ServiceAccount"),
    **dict.fromkeys((
        "compute.instances.setMetadata", "compute.instances.osAdminLogin", "compute.instances.osLogin",
        "compute.instances.setServiceAccount",
    ), "compute.googleapis.com/Instance"),
    **dict.fromkeys(("storage.buckets.setIamPolicy", "storage.objects.get", "storage.objects.create"), "/Bucket"),
    **dict.fromkeys(("secretmanager.versions.access", "secretmanager.secrets.setIamPolicy"), "/Secret"),
    **dict.fromkeys(("container.clusterRoleBindings.create", "container.pods.exec"), "/Cluster"),
    "cloudfunctions.functions.update": "/Function", "cloudfunctions.functions.setIamPolicy": "/Function",
    "run.services.update": "/Service", "run.services.setIamPolicy": "/Service",
    **dict.fromkeys((
        "resourcemanager.projects.setIamPolicy", "resourcemanager.folders.setIamPolicy",
        "resourcemanager.organizations.setIamPolicy", "iam.roles.update", "orgpolicy.policy.set",
        "compute.instances.create", "compute.projects.setCommonInstanceMetadata", "cloudfunctions.functions.create",
        "run.services.create", "run.jobs.create", "deploymentmanager.deployments.create", "cloudbuild.builds.create",
        "cloudscheduler.jobs.create", "workflows.workflows.create", "batch.jobs.create", "dataflow.jobs.create",
        "dataproc.clusters.create", "composer.environments.create", "notebooks.instances.create",
        "aiplatform.customJobs.create", "container.clusters.create",
    ), ""),
}  # fmt: skip

_TOKENS = (
    "iam.serviceAccounts.getAccessToken iam.serviceAccounts.signBlob iam.serviceAccounts.signJwt "
    "iam.serviceAccounts.implicitDelegation"
)
_MACHINES = (
    "compute.instances.create compute.instances.setMetadata compute.instances.osAdminLogin compute.instances.osLogin "
    "compute.instances.setServiceAccount compute.projects.setCommonInstanceMetadata"
)
_POLICIES = (
    "iam.serviceAccounts.setIamPolicy storage.buckets.setIamPolicy secretmanager.secrets.setIamPolicy "
    "cloudfunctions.functions.setIamPolicy run.services.setIamPolicy resourcemanager.projects.setIamPolicy"
)
# Predefined roles: those of PERMISSIONS that each holds.
ROLES: Mapping[str, tuple[str, ...]] = {
    f"roles/{role}": tuple(held.split())
    for role, held in {
        "iam.serviceAccountTokenCreator": _TOKENS,
        "iam.workloadIdentityUser": "iam.serviceAccounts.getAccessToken",
        "iam.serviceAccountUser": "iam.serviceAccounts.actAs",
        "iam.serviceAccountKeyAdmin": "iam.serviceAccountKeys.create",
        "iam.serviceAccountAdmin": "iam.serviceAccounts.setIamPolicy",
        "iam.securityAdmin": _POLICIES,
        "iam.roleAdmin": "iam.roles.update",
        "iam.organizationRoleAdmin": "iam.roles.update",
        "resourcemanager.projectIamAdmin": "resourcemanager.projects.setIamPolicy",
        "resourcemanager.folderAdmin": "resourcemanager.folders.setIamPolicy resourcemanager.projects.setIamPolicy",
        "resourcemanager.folderIamAdmin": "resourcemanager.folders.setIamPolicy",
        "resourcemanager.organizationAdmin": "resourcemanager.organizations.setIamPolicy "
            "resourcemanager.folders.setIamPolicy resourcemanager.projects.setIamPolicy",
        "orgpolicy.policyAdmin": "orgpolicy.policy.set",
        "compute.admin": _MACHINES,
        "compute.instanceAdmin": _MACHINES.replace("compute.projects.setCommonInstanceMetadata", ""),
        "compute.instanceAdmin.v1": _MACHINES,
        "compute.osAdminLogin": "compute.instances.osAdminLogin compute.instances.osLogin",
        "compute.osLogin": "compute.instances.osLogin",
        "cloudfunctions.admin": "cloudfunctions.functions.create cloudfunctions.functions.update "
            "cloudfunctions.functions.setIamPolicy",
        "cloudfunctions.developer": "cloudfunctions.functions.create cloudfunctions.functions.update",
        "run.admin": "run.services.create run.services.update run.services.setIamPolicy run.jobs.create",
        "run.developer": "run.services.create run.services.update run.jobs.create",
        "deploymentmanager.editor": "deploymentmanager.deployments.create",
        "deploymentmanager.typeEditor": "",
        "cloudbuild.builds.editor": "cloudbuild.builds.create",
        "cloudbuild.builds.builder": "cloudbuild.builds.create storage.objects.get storage.objects.create",
        "cloudscheduler.admin": "cloudscheduler.jobs.create",
        "workflows.admin": "workflows.workflows.create",
        "workflows.editor": "workflows.workflows.create",
        "batch.jobsEditor": "batch.jobs.create",
        "dataflow.admin": "dataflow.jobs.create",
        "dataflow.developer": "dataflow.jobs.create",
        "dataproc.admin": "dataproc.clusters.create",
        "dataproc.editor": "dataproc.clusters.create",
        "composer.admin": "composer.environments.create",
        "notebooks.admin": "notebooks.instances.create",
        "aiplatform.admin": "aiplatform.customJobs.create",
        "aiplatform.user": "aiplatform.customJobs.create",
        "container.admin": "container.clusters.create container.clusterRoleBindings.create container.pods.exec",
        "container.developer": "container.pods.exec",
        "container.clusterAdmin": "container.clusters.create",
        "storage.admin": "storage.buckets.setIamPolicy storage.objects.get storage.objects.create",
        "storage.objectAdmin": "storage.objects.get storage.objects.create",
        "storage.objectCreator": "storage.objects.create",
        "storage.objectViewer": "storage.objects.get",
        "storage.objectUser": "storage.objects.get storage.objects.create",
        "secretmanager.admin": "secretmanager.versions.access secretmanager.secrets.setIamPolicy",
        "secretmanager.secretAccessor": "secretmanager.versions.access",
        **dict.fromkeys((  # take nothing over
            "logging.admin", "logging.configWriter", "monitoring.admin", "monitoring.editor", "errorreporting.admin",
            "errorreporting.writer", "cloudtrace.admin", "cloudtrace.agent", "cloudprofiler.agent", "pubsub.admin",
            "pubsub.editor", "pubsub.publisher", "pubsub.subscriber", "bigquery.user", "bigquery.jobUser",
            "cloudsql.client", "dns.admin", "compute.networkAdmin", "compute.securityAdmin",
            "compute.loadBalancerAdmin", "serviceusage.serviceUsageConsumer", "serviceusage.serviceUsageAdmin",
            "billing.user", "iap.tunnelResourceAccessor", "iap.httpsResourceAccessor", "container.nodeServiceAccount",
            "resourcemanager.projectCreator", "run.invoker", "cloudfunctions.invoker", "stackdriver.resourceMetadata.writer",
        ), ""),
    }.items()
}  # fmt: skip


def strong(permissions: list[str]) -> tuple[str, ...]:
    """Those of `permissions` that are told."""
    return tuple(one for one in permissions if one in PERMISSIONS)
