"""Actions of AWS by which one identity or workload can be taken through another, and what each is done to.

One table for reader and rules: `policy/rules/aws.toml` names exactly these. Sources: the actions, their resource
types and dependent actions in AWS's service authorization reference.
"""

from __future__ import annotations

from collections.abc import Mapping

# Kinds of what an action is done to, with the ARNs of that kind in an account. "any" is for what makes something
# new: the right to make any at all is enough.
KINDS: Mapping[str, str] = {
    "any": "*",
    "user": "arn:*:iam::{account}:user/*",
    "group": "arn:*:iam::{account}:group/*",
    "role": "arn:*:iam::{account}:role/*",
    "policy": "arn:*:iam::{account}:policy/*",
    "instance": "arn:*:ec2:*:{account}:instance/*",
    "function": "arn:*:lambda:*:{account}:function:*",
    "launch template": "arn:*:ec2:*:{account}:launch-template/*",
    "stack": "arn:*:cloudformation:*:{account}:stack/*",
    "stack set": "arn:*:cloudformation:*:{account}:stackset/*",
    "build project": "arn:*:codebuild:*:{account}:project/*",
    "development endpoint": "arn:*:glue:*:{account}:devEndpoint/*",
    "glue job": "arn:*:glue:*:{account}:job/*",
    "glue session": "arn:*:glue:*:{account}:session/*",
    "notebook": "arn:*:sagemaker:*:{account}:notebook-instance/*",
    "studio user": "arn:*:sagemaker:*:{account}:user-profile/*",
    "web service": "arn:*:apprunner:*:{account}:service/*",
    "code interpreter": "arn:*:bedrock-agentcore:*:{account}:code-interpreter*",
    "agent runtime": "arn:*:bedrock-agentcore:*:{account}:runtime/*",
    "container task": "arn:*:ecs:*:{account}:task/*",
    "task definition": "arn:*:ecs:*:{account}:task-definition/*",
    "data cluster": "arn:*:elasticmapreduce:*:{account}:cluster/*",
    "serverless application": "arn:*:emr-serverless:*:{account}:/applications/*",
    "state machine": "arn:*:states:*:{account}:stateMachine:*",
    "batch job": "arn:*:batch:*:{account}:job-definition/*",
    "delivery pipeline": "arn:*:codepipeline:*:{account}:*",
    "environment": "arn:*:cloud9:*:{account}:environment:*",
    "web environment": "arn:*:elasticbeanstalk:*:{account}:environment/*",
    "workflow environment": "arn:*:airflow:*:{account}:*",
    "stream application": "arn:*:kinesisanalytics:*:{account}:application/*",
    "eks cluster": "arn:*:eks:*:{account}:cluster/*",
    "sign-in provider": "arn:*:iam::{account}:saml-provider/*",
    "bucket": "arn:*:s3:::*",
    "object": "arn:*:s3:::*/*",
}  # fmt: skip
IDENTITIES = ("user", "group", "role", "policy")

_BY_KIND: Mapping[str, str] = {
    "user": "iam:AttachUserPolicy iam:PutUserPolicy iam:CreateAccessKey iam:DeleteAccessKey iam:UpdateAccessKey "
        "iam:CreateLoginProfile iam:UpdateLoginProfile iam:DeleteUserPermissionsBoundary",
    "group": "iam:AddUserToGroup iam:AttachGroupPolicy iam:PutGroupPolicy",
    "role": "iam:PassRole iam:AttachRolePolicy iam:PutRolePolicy iam:UpdateAssumeRolePolicy "
        "iam:DeleteRolePermissionsBoundary",
    "policy": "iam:CreatePolicyVersion iam:SetDefaultPolicyVersion",
    "instance": "ec2:ModifyInstanceAttribute ec2:StopInstances ec2:StartInstances ec2:AssociateIamInstanceProfile "
        "ec2:ReplaceIamInstanceProfileAssociation ssm:SendCommand ssm:StartSession ssm:CreateAssociation "
        "ec2-instance-connect:SendSSHPublicKey ec2-instance-connect:SendSerialConsoleSSHPublicKey",
    "function": "lambda:UpdateFunctionCode lambda:UpdateFunctionConfiguration",
    "launch template": "ec2:CreateLaunchTemplateVersion ec2:ModifyLaunchTemplate",
    "stack": "cloudformation:UpdateStack cloudformation:CreateChangeSet cloudformation:ExecuteChangeSet",
    "stack set": "cloudformation:UpdateStackSet",
    "build project": "codebuild:StartBuild codebuild:StartBuildBatch codebuild:UpdateProject",
    "development endpoint": "glue:UpdateDevEndpoint",
    "glue job": "glue:UpdateJob glue:StartJobRun",
    "glue session": "glue:RunStatement",
    "notebook": "sagemaker:CreatePresignedNotebookInstanceUrl sagemaker:UpdateNotebookInstance "
        "sagemaker:StopNotebookInstance sagemaker:StartNotebookInstance",
    "studio user": "sagemaker:CreatePresignedDomainUrl",
    "web service": "apprunner:UpdateService",
    "code interpreter": "bedrock-agentcore:StartCodeInterpreterSession bedrock-agentcore:InvokeCodeInterpreter",
    "agent runtime": "bedrock-agentcore:UpdateAgentRuntime bedrock-agentcore:InvokeAgentRuntime",
    "container task": "ecs:ExecuteCommand",
    "data cluster": "elasticmapreduce:AddJobFlowSteps",
    "serverless application": "emr-serverless:StartJobRun",
    "state machine": "states:UpdateStateMachine states:StartExecution",
    "batch job": "batch:SubmitJob",
    "delivery pipeline": "codepipeline:UpdatePipeline codepipeline:StartPipelineExecution",
    "environment": "cloud9:CreateEnvironmentMembership cloud9:UpdateEnvironmentMembership",
    "web environment": "elasticbeanstalk:UpdateEnvironment",
    "workflow environment": "airflow:CreateCliToken airflow:CreateWebLoginToken",
    "stream application": "kinesisanalytics:UpdateApplication",
    "eks cluster": "eks:CreateAccessEntry eks:AssociateAccessPolicy",
    "sign-in provider": "iam:UpdateSAMLProvider",
    "bucket": "s3:PutBucketPolicy s3:PutBucketAcl",
    "object": "s3:GetObject s3:PutObject",
    "any": "iam:CreateRole iam:CreateUser iam:CreateInstanceProfile iam:AddRoleToInstanceProfile "
        "ec2:RunInstances ec2:RequestSpotInstances ec2:RequestSpotFleet ec2:CreateFleet ec2:CreateLaunchTemplate "
        "ec2:DescribeInstances "
        "autoscaling:CreateAutoScalingGroup autoscaling:CreateLaunchConfiguration autoscaling:UpdateAutoScalingGroup "
        "lambda:CreateFunction lambda:InvokeFunction lambda:InvokeAsync lambda:AddPermission "
        "lambda:CreateEventSourceMapping lambda:CreateFunctionUrlConfig lambda:InvokeFunctionUrl "
        "synthetics:CreateCanary synthetics:StartCanary "
        "ecs:RegisterTaskDefinition ecs:RunTask ecs:StartTask ecs:CreateService ecs:UpdateService "
        "ecs:CreateTaskSet "
        "batch:RegisterJobDefinition "
        "glue:CreateDevEndpoint glue:CreateJob glue:CreateTrigger glue:CreateSession "
        "cloudformation:CreateStack cloudformation:CreateStackSet cloudformation:CreateStackInstances "
        "sagemaker:CreateNotebookInstance sagemaker:CreateTrainingJob sagemaker:CreateProcessingJob "
        "sagemaker:CreateHyperParameterTuningJob sagemaker:CreateModel sagemaker:CreateEndpointConfig "
        "sagemaker:CreateTransformJob sagemaker:CreateDomain sagemaker:CreateUserProfile "
        "sagemaker:CreatePipeline sagemaker:StartPipelineExecution sagemaker:CreateNotebookInstanceLifecycleConfig "
        "sagemaker:UpdateNotebookInstanceLifecycleConfig sagemaker:CreateCluster "
        "codebuild:CreateProject codepipeline:CreatePipeline "
        "datapipeline:CreatePipeline datapipeline:PutPipelineDefinition datapipeline:ActivatePipeline "
        "elasticmapreduce:RunJobFlow emr-serverless:CreateApplication "
        "apprunner:CreateService bedrock-agentcore:CreateCodeInterpreter bedrock-agentcore:CreateAgentRuntime "
        "states:CreateStateMachine states:TestState scheduler:CreateSchedule events:PutRule events:PutTargets "
        "ssm:StartAutomationExecution ssm:CreateActivation "
        "iot:CreateRoleAlias iot:CreateKeysAndCertificate iot:CreatePolicy iot:AttachPolicy "
        "cloud9:CreateEnvironmentEC2 elasticbeanstalk:CreateApplication elasticbeanstalk:CreateApplicationVersion "
        "elasticbeanstalk:CreateEnvironment "
        "imagebuilder:CreateInfrastructureConfiguration imagebuilder:CreateImage "
        "airflow:CreateEnvironment kinesisanalytics:CreateApplication kinesisanalytics:StartApplication "
        "braket:CreateJob omics:CreateWorkflow omics:StartRun gamelift:CreateBuild gamelift:CreateFleet "
        "appstream:CreateImageBuilder appstream:CreateImageBuilderStreamingURL "
        "rolesanywhere:CreateTrustAnchor rolesanywhere:CreateProfile cognito-identity:SetIdentityPoolRoles "
        "eks:CreateNodegroup eks:CreatePodIdentityAssociation "
        "sso:CreatePermissionSet sso:AttachManagedPolicyToPermissionSet sso:PutInlinePolicyToPermissionSet "
        "sso:ProvisionPermissionSet sso:CreateAccountAssignment",
}  # fmt: skip

# action -> kind of what it is done to. `sts:AssumeRole` is not here: it needs the role's own word too.
ACTIONS: Mapping[str, str] = {action: kind for kind, actions in _BY_KIND.items() for action in actions.split()}

# Actions whose right over all of a kind is told as one over the account: with another right it gives more.
ON_ALL = frozenset((
    "iam:AttachRolePolicy", "iam:PutRolePolicy", "iam:AttachUserPolicy", "iam:PutUserPolicy", "iam:CreateAccessKey",
    "iam:CreateLoginProfile", "s3:PutBucketPolicy", "s3:PutBucketAcl", "s3:GetObject", "s3:PutObject",
))  # fmt: skip

# Actions on what the actor may have made itself a moment before: for those it matters what it may do to anything.
ON_NEW = frozenset((
    "codebuild:StartBuild", "codebuild:StartBuildBatch", "glue:StartJobRun", "glue:RunStatement",
    "sagemaker:CreatePresignedNotebookInstanceUrl", "sagemaker:CreatePresignedDomainUrl", "batch:SubmitJob",
    "bedrock-agentcore:StartCodeInterpreterSession", "bedrock-agentcore:InvokeCodeInterpreter",
    "bedrock-agentcore:InvokeAgentRuntime", "states:StartExecution", "emr-serverless:StartJobRun",
))  # fmt: skip

# What IAM does to the principal itself, by its kind, and gives it every right at once.
ITSELF: Mapping[str, tuple[str, ...]] = {
    "user": ("iam:AttachUserPolicy", "iam:PutUserPolicy"),
    "group": ("iam:AttachGroupPolicy", "iam:PutGroupPolicy"),
    "role": ("iam:AttachRolePolicy", "iam:PutRolePolicy"),
    "policy": ("iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion"),
}
# Policies that AWS manages and whose documents an export may leave out: what they allow.
MANAGED: Mapping[str, tuple[str, ...]] = {
    "AdministratorAccess": ("*",),
    "IAMFullAccess": ("iam:*",),
}
