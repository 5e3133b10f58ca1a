"""SageMaker on one machine: jobs really run, endpoints really serve.

moto's SageMaker is a record only; this takes its place. A job or a serving container is a process
whose image is a folder and whose /opt/ml is another, or a real container (`runtime.py`). Requests
are checked against SageMaker's own model (`validation.py`); what is honoured of each, and what is
only recorded, is the table in `support.py`; everything else is refused by name, operations
included.

Recorded without effect, since they have no meaning on one machine or nobody enforces them: roles,
KMS keys, VPC settings, traffic encryption, volume sizes, and, unless containers are real, network
isolation, instance types and memory sizes, the time limit of a model's download, a single
variant's weight. One instance is the most that a job has; of an endpoint's variant one process
stands for all instances, whose number counts when guardrails shift traffic. A spot job is
interrupted by a fault only, and its price is that of any other. What
programs print is in `<state>/logs/aws/sagemaker/`, and in CloudWatch Logs (`log_streams.py`).
Checkpoints are kept while a job runs; outputs are uploaded when it ends. /ping is asked until it
answers; after that a container is started again when its program ends, not when it is unwell. The
folder of a job stays when it failed or was cut before it could upload.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from embedded_aws.faults import EndpointFault, Faults, JobFault
from embedded_aws.faults.running import Running
from embedded_aws.sagemaker import (
    endpoint_configs,
    listing,
    models,
    processing,
    training,
    transform,
)
from embedded_aws.sagemaker.endpoint import Update
from embedded_aws.sagemaker.endpoints import Endpoints
from embedded_aws.sagemaker.invocation import Answer
from embedded_aws.sagemaker.log_streams import Put
from embedded_aws.sagemaker.model_packages import ModelPackages
from embedded_aws.sagemaker.platform import CloudWatch, Emit, Limits, Platform
from embedded_aws.sagemaker.runtime import Runtime
from embedded_aws.sagemaker.storage import Storage
from embedded_aws.sagemaker.support import not_implemented, refuse_unsupported
from embedded_aws.sagemaker.validation import check, is_operation
from embedded_aws.settings import Settings

__all__ = ["Answer", "Limits", "SageMaker"]

_STOP_SECONDS = 3.0

type Request = dict[str, Any]
type Handler = Callable[[Request], Request | None]


class SageMaker:
    """SageMaker's API and SageMaker Runtime's InvokeEndpoint; thread safe."""

    def __init__(  # noqa: PLR0913 - the parts are what they are
        self,
        settings: Settings,
        emit: Emit,
        runtime: Runtime,
        *,
        faults: Faults,
        cloudwatch: CloudWatch,
        limits: Limits | None = None,
        put_logs: Put | None = None,
    ) -> None:
        """Start with nothing. `runtime` runs the programs of jobs and endpoints."""
        self._platform = Platform(
            settings,
            emit,
            runtime,
            limits or Limits(),
            Storage(settings),
            cloudwatch,
            Running(faults, JobFault),
            Running(faults, EndpointFault),
            put_logs=put_logs,
        )
        self._processing = processing.processing_jobs(self._platform)
        self._training = training.training_jobs(self._platform)
        self._models = models.models(self._platform)
        self._transforms = transform.transform_jobs(self._platform, self._models)
        self._configs = endpoint_configs.endpoint_configs(self._platform)
        self._endpoints = Endpoints(self._platform)
        self._packages = ModelPackages(self._platform)
        self._handlers: dict[str, Handler] = {
            **self._job_handlers(),
            **self._transform_handlers(),
            **self._hosting_handlers(),
            **self._registry_handlers(),
            **self._tag_handlers(),
        }

    def call(self, operation: str, request: Request) -> Request:
        """Answer a request; times in the answer are datetimes. Raises AwsError."""
        handler = self._handlers.get(operation)
        if handler is None:
            known = is_operation(operation)
            raise not_implemented(operation if known else f"the unknown operation {operation}")
        check(operation, request)
        refuse_unsupported(operation, request)
        return handler(_without_nulls(request)) or {}

    def invoke_endpoint(
        self, endpoint_name: str, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        """Answer InvokeEndpoint; raises AwsError. A container's error is an Answer (ModelError)."""
        return self._endpoints.invoke(endpoint_name, body, headers)

    @property
    def endpoints(self) -> Endpoints:
        """The endpoints, for who forces their statuses."""
        return self._endpoints

    def wait_for_change(self, seconds: float) -> None:
        """Return once a job or an endpoint has changed its status, or after `seconds`.

        What changed since the calling thread's last call counts, so nothing is missed by a thread
        that looks, waits, and looks again; its first call returns at once.
        """
        self._platform.changes.wait(seconds)

    def stop(self) -> None:
        """End all jobs and endpoints, within seconds."""
        self._platform.closing.set()
        jobs = [*self._processing.all(), *self._training.all(), *self._transforms.all()]
        for job in jobs:
            job.abandon()
        ends = [
            threading.Thread(target=endpoint.abandon, daemon=True)
            for endpoint in self._endpoints.all()
        ]
        for end in ends:
            end.start()
        deadline = time.monotonic() + _STOP_SECONDS
        for thread in [*ends, *(job.thread for job in jobs)]:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _job_handlers(self) -> dict[str, Handler]:
        done, trained = self._processing, self._training
        return {
            "CreateProcessingJob": lambda request: {
                "ProcessingJobArn": processing.create(done, request).arn
            },
            "DescribeProcessingJob": lambda request: done.get(
                request["ProcessingJobName"]
            ).describe(),
            "ListProcessingJobs": lambda request: listing.PROCESSING_JOBS.page(
                [job.describe() for job in done.all()], request
            ),
            "StopProcessingJob": lambda request: done.get(request["ProcessingJobName"]).stop(),
            "CreateTrainingJob": lambda request: {
                "TrainingJobArn": training.create(trained, request, self._platform).arn
            },
            "DescribeTrainingJob": lambda request: trained.get(
                request["TrainingJobName"]
            ).describe(),
            "ListTrainingJobs": lambda request: listing.TRAINING_JOBS.page(
                [job.describe() for job in trained.all()], request
            ),
            "StopTrainingJob": lambda request: trained.get(request["TrainingJobName"]).stop(),
        }

    def _transform_handlers(self) -> dict[str, Handler]:
        jobs = self._transforms
        return {
            "CreateTransformJob": lambda request: {
                "TransformJobArn": transform.create(jobs, request, self._platform, self._models).arn
            },
            "DescribeTransformJob": lambda request: jobs.get(
                request["TransformJobName"]
            ).describe(),
            "ListTransformJobs": lambda request: listing.TRANSFORM_JOBS.page(
                [job.describe() for job in jobs.all()], request
            ),
            "StopTransformJob": lambda request: jobs.get(request["TransformJobName"]).stop(),
        }

    def _hosting_handlers(self) -> dict[str, Handler]:
        return {
            "CreateModel": lambda request: models.create(self._models, request, self._platform),
            "DescribeModel": lambda request: self._models.describe(request["ModelName"]),
            "DeleteModel": lambda request: self._models.delete(request["ModelName"]),
            "ListModels": lambda request: listing.MODELS.page(self._models.all(), request),
            "CreateEndpointConfig": lambda request: endpoint_configs.create(
                self._configs, request, self._models
            ),
            "DescribeEndpointConfig": lambda request: self._configs.describe(
                request["EndpointConfigName"]
            ),
            "DeleteEndpointConfig": lambda request: self._configs.delete(
                request["EndpointConfigName"]
            ),
            "ListEndpointConfigs": lambda request: listing.ENDPOINT_CONFIGS.page(
                self._configs.all(), request
            ),
            "CreateEndpoint": self._create_endpoint,
            "UpdateEndpoint": self._update_endpoint,
            "UpdateEndpointWeightsAndCapacities": self._scale_endpoint,
            "DescribeEndpoint": lambda request: self._endpoints.get(
                request["EndpointName"]
            ).describe(),
            "DeleteEndpoint": lambda request: self._endpoints.delete(request["EndpointName"]),
            "ListEndpoints": lambda request: listing.ENDPOINTS.page(
                [endpoint.describe() for endpoint in self._endpoints.all()], request
            ),
        }

    def _registry_handlers(self) -> dict[str, Handler]:
        packages = self._packages
        return {
            "CreateModelPackageGroup": packages.create_group,
            "DescribeModelPackageGroup": packages.describe_group,
            "DeleteModelPackageGroup": packages.delete_group,
            "ListModelPackageGroups": packages.list_groups,
            "CreateModelPackage": packages.create,
            "DescribeModelPackage": packages.describe,
            "UpdateModelPackage": packages.update,
            "DeleteModelPackage": packages.delete,
            "ListModelPackages": packages.list,
        }

    def _tag_handlers(self) -> dict[str, Handler]:
        tags = self._platform.tags
        return {
            "AddTags": lambda request: _tag_list(tags.add(request["ResourceArn"], request["Tags"])),
            "ListTags": lambda request: _tag_list(tags.of(request["ResourceArn"])),
            "DeleteTags": lambda request: tags.delete(request["ResourceArn"], request["TagKeys"]),
        }

    def _create_endpoint(self, request: Request) -> Request:
        variant = self._variant(request["EndpointConfigName"])
        deployment, tags = request.get("DeploymentConfig"), request.get("Tags")
        arn = self._endpoints.create(request["EndpointName"], variant, deployment, tags)
        return {"EndpointArn": arn}

    def _update_endpoint(self, request: Request) -> Request:
        name = request["EndpointName"]
        self._endpoints.get(name)  # a missing endpoint is told before a missing config
        variant = self._variant(request["EndpointConfigName"])
        return {"EndpointArn": self._endpoints.update(name, variant, _update(request))}

    def _scale_endpoint(self, request: Request) -> Request:
        endpoint = self._endpoints.get(request["EndpointName"])
        desired = request["DesiredWeightsAndCapacities"]
        if len(desired) > 1:
            raise not_implemented("UpdateEndpointWeightsAndCapacities of more than one variant")
        [one] = desired
        endpoint.scale(
            one["VariantName"], one.get("DesiredWeight"), one.get("DesiredInstanceCount")
        )
        return {"EndpointArn": endpoint.arn}

    def _variant(self, config: str) -> endpoint_configs.Variant:
        described = self._configs.describe(config)
        return endpoint_configs.resolve(described, self._models, self._platform.limits)


def _update(request: Request) -> Update:
    retains = bool(request.get("RetainAllVariantProperties"))
    excluded = {
        each["VariantPropertyType"]
        for each in request.get("ExcludeRetainedVariantProperties") or ()
    }
    return Update(
        retains_instances=retains and "DesiredInstanceCount" not in excluded,
        retains_weight=retains and "DesiredWeight" not in excluded,
        deployment=request.get("DeploymentConfig"),
        retains_deployment=bool(request.get("RetainDeploymentConfig")),
    )


def _tag_list(tags: Mapping[str, str]) -> Request:
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def _without_nulls(value: Any) -> Any:
    """Leave out members that are null: AWS takes them for not given."""
    if isinstance(value, dict):
        return {key: _without_nulls(part) for key, part in value.items() if part is not None}
    if isinstance(value, list):
        return [_without_nulls(part) for part in value]
    return value
