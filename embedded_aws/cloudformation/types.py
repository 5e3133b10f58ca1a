"""The resource types and properties that are applied; everything else is refused by name.

A property stands for all below it: `Tags` takes any tag, `VersioningConfiguration.Status` nothing
else of VersioningConfiguration. Items of a list have no name of their own in a path.
"""

from collections.abc import Mapping

_LIFECYCLE_RULE = "LifecycleConfiguration.Rules."
_ENCRYPTION_RULE = "BucketEncryption.ServerSideEncryptionConfiguration."

SUPPORTED: Mapping[str, frozenset[str]] = {
    "AWS::CloudWatch::Alarm": frozenset(
        {
            "ActionsEnabled",
            "AlarmActions",
            "AlarmDescription",
            "AlarmName",
            "ComparisonOperator",
            "DatapointsToAlarm",
            "Dimensions",
            "EvaluationPeriods",
            "InsufficientDataActions",
            "MetricName",
            "Namespace",
            "OKActions",
            "Period",
            "Statistic",
            "Tags",
            "Threshold",
            "TreatMissingData",
            "Unit",
        }
    ),
    "AWS::DynamoDB::Table": frozenset(
        {
            "AttributeDefinitions",
            "BillingMode",
            "DeletionProtectionEnabled",
            "GlobalSecondaryIndexes",
            "KeySchema",
            "LocalSecondaryIndexes",
            "PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled",
            "PointInTimeRecoverySpecification.RecoveryPeriodInDays",
            "ProvisionedThroughput",
            "SSESpecification.KMSMasterKeyId",
            "SSESpecification.SSEEnabled",
            "SSESpecification.SSEType",
            "TableName",
            "Tags",
            "TimeToLiveSpecification.AttributeName",
            "TimeToLiveSpecification.Enabled",
        }
    ),
    "AWS::Events::Rule": frozenset(
        {
            "Description",
            "EventPattern",
            "Name",
            "ScheduleExpression",
            "State",
            "Tags",
            "Targets.Arn",
            "Targets.DeadLetterConfig.Arn",
            "Targets.Id",
            "Targets.Input",
            "Targets.InputPath",
            "Targets.InputTransformer.InputPathsMap",
            "Targets.InputTransformer.InputTemplate",
            "Targets.RetryPolicy",
            "Targets.RoleArn",
            "Targets.SqsParameters.MessageGroupId",
        }
    ),
    "AWS::IAM::ManagedPolicy": frozenset(
        {
            "Description",
            "ManagedPolicyName",
            "Path",
            "PolicyDocument",
            "Roles",
        }
    ),
    "AWS::IAM::Role": frozenset(
        {
            "AssumeRolePolicyDocument",
            "Description",
            "ManagedPolicyArns",
            "MaxSessionDuration",
            "Path",
            "PermissionsBoundary",
            "Policies.PolicyDocument",
            "Policies.PolicyName",
            "RoleName",
            "Tags",
        }
    ),
    "AWS::Lambda::EventSourceMapping": frozenset(
        {
            "BatchSize",
            "Enabled",
            "EventSourceArn",
            "FunctionName",
            "FunctionResponseTypes",
            "MaximumBatchingWindowInSeconds",
            "ScalingConfig.MaximumConcurrency",
            "Tags",
        }
    ),
    "AWS::Lambda::Function": frozenset(
        {
            "Architectures",
            "Code.S3Bucket",
            "Code.S3Key",
            "Code.ZipFile",
            "DeadLetterConfig.TargetArn",
            "Description",
            "Environment.Variables",
            "EphemeralStorage.Size",
            "FunctionName",
            "Handler",
            "KmsKeyArn",
            "Layers",
            "MemorySize",
            "PackageType",
            "ReservedConcurrentExecutions",
            "Role",
            "Runtime",
            "Tags",
            "Timeout",
            "TracingConfig.Mode",
            "VpcConfig.SecurityGroupIds",
            "VpcConfig.SubnetIds",
        }
    ),
    "AWS::Lambda::LayerVersion": frozenset(
        {
            "CompatibleArchitectures",
            "CompatibleRuntimes",
            "Content.S3Bucket",
            "Content.S3Key",
            "Description",
            "LayerName",
            "LicenseInfo",
        }
    ),
    "AWS::Lambda::Permission": frozenset(
        {
            "Action",
            "FunctionName",
            "Principal",
            "SourceAccount",
            "SourceArn",
        }
    ),
    "AWS::Logs::LogGroup": frozenset(
        {
            "LogGroupName",
            "RetentionInDays",
            "Tags",
        }
    ),
    "AWS::S3::Bucket": frozenset(
        {
            _ENCRYPTION_RULE + "BucketKeyEnabled",
            _ENCRYPTION_RULE + "ServerSideEncryptionByDefault.KMSMasterKeyID",
            _ENCRYPTION_RULE + "ServerSideEncryptionByDefault.SSEAlgorithm",
            "BucketName",
            _LIFECYCLE_RULE + "AbortIncompleteMultipartUpload.DaysAfterInitiation",
            _LIFECYCLE_RULE + "ExpirationInDays",
            _LIFECYCLE_RULE + "Id",
            _LIFECYCLE_RULE + "NoncurrentVersionExpiration.NoncurrentDays",
            _LIFECYCLE_RULE + "Prefix",
            _LIFECYCLE_RULE + "Status",
            "NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled",
            "OwnershipControls.Rules.ObjectOwnership",
            "PublicAccessBlockConfiguration.BlockPublicAcls",
            "PublicAccessBlockConfiguration.BlockPublicPolicy",
            "PublicAccessBlockConfiguration.IgnorePublicAcls",
            "PublicAccessBlockConfiguration.RestrictPublicBuckets",
            "Tags",
            "VersioningConfiguration.Status",
        }
    ),
    "AWS::S3::BucketPolicy": frozenset(
        {
            "Bucket",
            "PolicyDocument",
        }
    ),
    "AWS::SNS::Subscription": frozenset(
        {
            "Endpoint",
            "FilterPolicy",
            "FilterPolicyScope",
            "Protocol",
            "RawMessageDelivery",
            "TopicArn",
        }
    ),
    "AWS::SNS::Topic": frozenset(
        {
            "DisplayName",
            "KmsMasterKeyId",
            "Subscription.Endpoint",
            "Subscription.Protocol",
            "Tags",
            "TopicName",
        }
    ),
    "AWS::SNS::TopicPolicy": frozenset(
        {
            "PolicyDocument",
            "Topics",
        }
    ),
    "AWS::Scheduler::ScheduleGroup": frozenset({"Name", "Tags"}),
    "AWS::SQS::Queue": frozenset(
        {
            "ContentBasedDeduplication",
            "DelaySeconds",
            "FifoQueue",
            "KmsDataKeyReusePeriodSeconds",
            "KmsMasterKeyId",
            "MaximumMessageSize",
            "MessageRetentionPeriod",
            "QueueName",
            "ReceiveMessageWaitTimeSeconds",
            "RedrivePolicy",
            "SqsManagedSseEnabled",
            "Tags",
            "VisibilityTimeout",
        }
    ),
    "AWS::SQS::QueuePolicy": frozenset(
        {
            "PolicyDocument",
            "Queues",
        }
    ),
    "AWS::SSM::Parameter": frozenset(
        {
            "AllowedPattern",
            "DataType",
            "Description",
            "Name",
            "Tier",
            "Type",
            "Value",
        }
    ),
    "AWS::StepFunctions::StateMachine": frozenset(
        {
            "Definition",
            "DefinitionS3Location.Bucket",
            "DefinitionS3Location.Key",
            "DefinitionS3Location.Version",
            "DefinitionString",
            "DefinitionSubstitutions",
            "LoggingConfiguration.Destinations.CloudWatchLogsLogGroup.LogGroupArn",
            "LoggingConfiguration.IncludeExecutionData",
            "LoggingConfiguration.Level",
            "RoleArn",
            "StateMachineName",
            "StateMachineType",
            "Tags",
            "TracingConfiguration.Enabled",
        }
    ),
}

# The types whose resources take an update of each of their properties in place.
UPDATABLE = frozenset(
    {
        "AWS::CloudWatch::Alarm",
        "AWS::Events::Rule",
        "AWS::IAM::Role",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::Function",
        "AWS::Lambda::LayerVersion",
        "AWS::S3::Bucket",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::Subscription",
        "AWS::SNS::Topic",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::Queue",
        "AWS::SQS::QueuePolicy",
        "AWS::SSM::Parameter",
        "AWS::Scheduler::ScheduleGroup",
        "AWS::StepFunctions::StateMachine",
    }
)
