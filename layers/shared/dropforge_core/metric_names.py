"""The metrics that the functions count, in the namespace Dropforge: one for each outcome."""

METRICS = {
    # start_retraining
    "ArrivalWaiting": "An object was recorded and waits for a run.",
    "ArrivalDuplicate": "An event told of an object version that was recorded before.",
    "ArrivalIgnored": "An object can be no data: its pipeline, key or size says so.",
    "ArrivalRefused": "A message is none of ours, and goes to the dead letters.",
    "StartRequested": "A run was asked for without new data, and waits for its start.",
    "StartDuplicate": "A message asked for a run that had been asked for before.",
    "StartRefused": "A run was asked for of a pipeline that is not published.",
    "LookTaken": "A pipeline was looked at, because what it waited for may have come.",
    "StartFailed": "No run could be started for a pipeline; its messages come again.",
    # start_retraining and finish_run
    "RunStarted": "A run's execution was started.",
    "RunSkipped": "A run was skipped: there was no data, or it had been used or was of no use.",
    # check_endpoint
    "EndpointFound": "An endpoint was described.",
    "EndpointMissing": "An endpoint does not exist.",
    # restore_inputs
    "InputsRestored": "A run goes on with copies of what was replaced or deleted meanwhile.",
    "InputsUnchanged": "A run could not preprocess, and its data is not why, or is all gone.",
    # answer_endpoint_wait
    "EndpointWaitAnswered": "A deployment that waited was told that its endpoint has settled.",
    "EndpointWaitPending": "An endpoint has not settled yet, or nobody waits for it.",
    # smoke_test
    "SmokeTestPassed": "An endpoint answered all golden samples as expected.",
    "SmokeTestFailed": "An endpoint did not answer a golden sample as expected.",
    # judge_model
    "JudgedPromoted": "A challenger was judged good enough to serve.",
    "JudgedRejected": "A challenger was judged not good enough to serve.",
    # answer_approval
    "ApprovalAnswered": "A run that waited for a person was told what was decided.",
    "ApprovalPending": "Nobody has decided yet, the pipeline is busy, or no run waits.",
    # notify_metrics
    "SlackDelivered": "Slack took the message.",
    "SlackFailed": "Slack did not take the message; the run's result is unchanged.",
    "MessageLogged": "There is no webhook: the message went to the log.",
    "AnnouncementPublished": "The SNS topic took the message.",
    "AnnouncementFailed": "The SNS topic did not take the message; the run's result is unchanged.",
    # report_progress
    "ProgressReported": "Slack took a message of how a training goes.",
    "ProgressFailed": "Slack did not take one; the next minute's is tried all the same.",
    # finish_run
    "RunDeployed": "A run ended as DEPLOYED.",
    "RunRejected": "A run ended as REJECTED.",
    "RunRolledBack": "A run ended as ROLLED_BACK.",
    "RunFailed": "A run ended as FAILED.",
    "DataDrift": "How far a run's data is from what the model that serves has learned from.",
    "RunAlreadyClosed": "A run was to be closed that is closed already or unknown.",
    # sweep_pipelines
    "SweptClosed": "A run whose execution had ended unheard was closed.",
    "SweptAnswered": "An approval was found that no event had told of.",
    "SweptStarted": "A run was started for data that nobody had started one for.",
    "SweepFailed": "A pipeline could not be swept; the next sweep tries again.",
    # remove_models
    "ModelsRemoved": "How many old runs' model, config and package a clean-up removed.",
}
