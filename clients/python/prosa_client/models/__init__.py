"""Contains all the data models used in inputs/outputs"""

from .address_data import AddressData
from .address_data_kind_enum import AddressDataKindEnum
from .again import Again
from .agent_data import AgentData
from .agent_data_guards import AgentDataGuards
from .agent_data_kind_enum import AgentDataKindEnum
from .agent_data_request import AgentDataRequest
from .agent_data_request_guards import AgentDataRequestGuards
from .agents_list_kind import AgentsListKind
from .answer import Answer
from .applied_data import AppliedData
from .approval_then_enum import ApprovalThenEnum
from .assign_request import AssignRequest
from .attempt_data import AttemptData
from .automation_data import AutomationData
from .automation_state import AutomationState
from .blank_enum import BlankEnum
from .blueprint_data import BlueprintData
from .blueprint_input_request import BlueprintInputRequest
from .blueprint_input_request_secrets import BlueprintInputRequestSecrets
from .budget_data import BudgetData
from .category_data import CategoryData
from .category_data_request import CategoryDataRequest
from .caution import Caution
from .changed import Changed
from .contact_data import ContactData
from .contact_ref import ContactRef
from .conversation_data import ConversationData
from .conversation_outcome import ConversationOutcome
from .conversation_status import ConversationStatus
from .conversations_list_mode import ConversationsListMode
from .conversations_list_outcome import ConversationsListOutcome
from .conversations_list_status import ConversationsListStatus
from .decision_enum import DecisionEnum
from .delivery_data import DeliveryData
from .delivery_status import DeliveryStatus
from .delivery_whole import DeliveryWhole
from .delivery_whole_body import DeliveryWholeBody
from .device_data import DeviceData
from .device_state import DeviceState
from .devices_list_state import DevicesListState
from .differs import Differs
from .direction_enum import DirectionEnum
from .disabled_reason_enum import DisabledReasonEnum
from .document_data import DocumentData
from .document_data_kind_enum import DocumentDataKindEnum
from .document_status import DocumentStatus
from .documents_list_kind import DocumentsListKind
from .documents_list_status import DocumentsListStatus
from .draft import Draft
from .endpoint_data import EndpointData
from .endpoint_data_request import EndpointDataRequest
from .endpoint_data_request_headers import EndpointDataRequestHeaders
from .endpoint_made import EndpointMade
from .events_enum import EventsEnum
from .executed import Executed
from .fallback import Fallback
from .fallback_request import FallbackRequest
from .found import Found
from .history_enum import HistoryEnum
from .label_data import LabelData
from .label_names_request import LabelNamesRequest
from .lead_data import LeadData
from .leads_enum import LeadsEnum
from .login_request import LoginRequest
from .message_data import MessageData
from .message_data_origin_enum import MessageDataOriginEnum
from .message_data_status_enum import MessageDataStatusEnum
from .message_page import MessagePage
from .mode_enum import ModeEnum
from .move_request import MoveRequest
from .new_device_request import NewDeviceRequest
from .new_message_data_request import NewMessageDataRequest
from .new_note_request import NewNoteRequest
from .note_data import NoteData
from .outside_hours_enum import OutsideHoursEnum
from .paginated_agent_data_list import PaginatedAgentDataList
from .paginated_category_data_list import PaginatedCategoryDataList
from .paginated_contact_data_list import PaginatedContactDataList
from .paginated_conversation_data_list import PaginatedConversationDataList
from .paginated_delivery_data_list import PaginatedDeliveryDataList
from .paginated_device_data_list import PaginatedDeviceDataList
from .paginated_document_data_list import PaginatedDocumentDataList
from .paginated_endpoint_data_list import PaginatedEndpointDataList
from .paginated_label_data_list import PaginatedLabelDataList
from .paginated_lead_data_list import PaginatedLeadDataList
from .paginated_turn_data_list import PaginatedTurnDataList
from .paginated_version_data_list import PaginatedVersionDataList
from .pairing_data import PairingData
from .patched_agent_data_request import PatchedAgentDataRequest
from .patched_agent_data_request_guards import PatchedAgentDataRequestGuards
from .patched_category_data_request import PatchedCategoryDataRequest
from .patched_contact_data_request import PatchedContactDataRequest
from .patched_correction_request import PatchedCorrectionRequest
from .patched_device_change_request import PatchedDeviceChangeRequest
from .patched_endpoint_change_request import PatchedEndpointChangeRequest
from .patched_endpoint_change_request_headers import PatchedEndpointChangeRequestHeaders
from .patched_validity_request import PatchedValidityRequest
from .pause_request import PauseRequest
from .question_request import QuestionRequest
from .refresh_request import RefreshRequest
from .refusal import Refusal
from .refusal_fields import RefusalFields
from .replay_request import ReplayRequest
from .restore_request import RestoreRequest
from .restored import Restored
from .row_data import RowData
from .scores import Scores
from .secret import Secret
from .sign_enum import SignEnum
from .stage_data import StageData
from .stage_data_kind_enum import StageDataKindEnum
from .start_pairing_request import StartPairingRequest
from .step_data import StepData
from .step_data_data import StepDataData
from .still_working import StillWorking
from .still_working_fields import StillWorkingFields
from .sums_data import SumsData
from .test_enum import TestEnum
from .tokens_shown import TokensShown
from .trigger_request import TriggerRequest
from .triggered import Triggered
from .turn_data import TurnData
from .turn_outcome import TurnOutcome
from .turn_state import TurnState
from .turn_whole import TurnWhole
from .turns_list_outcome import TurnsListOutcome
from .turns_list_status import TurnsListStatus
from .upload_request import UploadRequest
from .usage_data import UsageData
from .value_data import ValueData
from .value_data_origin_enum import ValueDataOriginEnum
from .version_data import VersionData
from .webhooks_deliveries_list_status import WebhooksDeliveriesListStatus
from .webhooks_deliveries_list_type import WebhooksDeliveriesListType

__all__ = (
    "AddressData",
    "AddressDataKindEnum",
    "Again",
    "AgentData",
    "AgentDataGuards",
    "AgentDataKindEnum",
    "AgentDataRequest",
    "AgentDataRequestGuards",
    "AgentsListKind",
    "Answer",
    "AppliedData",
    "ApprovalThenEnum",
    "AssignRequest",
    "AttemptData",
    "AutomationData",
    "AutomationState",
    "BlankEnum",
    "BlueprintData",
    "BlueprintInputRequest",
    "BlueprintInputRequestSecrets",
    "BudgetData",
    "CategoryData",
    "CategoryDataRequest",
    "Caution",
    "Changed",
    "ContactData",
    "ContactRef",
    "ConversationData",
    "ConversationOutcome",
    "ConversationsListMode",
    "ConversationsListOutcome",
    "ConversationsListStatus",
    "ConversationStatus",
    "DecisionEnum",
    "DeliveryData",
    "DeliveryStatus",
    "DeliveryWhole",
    "DeliveryWholeBody",
    "DeviceData",
    "DevicesListState",
    "DeviceState",
    "Differs",
    "DirectionEnum",
    "DisabledReasonEnum",
    "DocumentData",
    "DocumentDataKindEnum",
    "DocumentsListKind",
    "DocumentsListStatus",
    "DocumentStatus",
    "Draft",
    "EndpointData",
    "EndpointDataRequest",
    "EndpointDataRequestHeaders",
    "EndpointMade",
    "EventsEnum",
    "Executed",
    "Fallback",
    "FallbackRequest",
    "Found",
    "HistoryEnum",
    "LabelData",
    "LabelNamesRequest",
    "LeadData",
    "LeadsEnum",
    "LoginRequest",
    "MessageData",
    "MessageDataOriginEnum",
    "MessageDataStatusEnum",
    "MessagePage",
    "ModeEnum",
    "MoveRequest",
    "NewDeviceRequest",
    "NewMessageDataRequest",
    "NewNoteRequest",
    "NoteData",
    "OutsideHoursEnum",
    "PaginatedAgentDataList",
    "PaginatedCategoryDataList",
    "PaginatedContactDataList",
    "PaginatedConversationDataList",
    "PaginatedDeliveryDataList",
    "PaginatedDeviceDataList",
    "PaginatedDocumentDataList",
    "PaginatedEndpointDataList",
    "PaginatedLabelDataList",
    "PaginatedLeadDataList",
    "PaginatedTurnDataList",
    "PaginatedVersionDataList",
    "PairingData",
    "PatchedAgentDataRequest",
    "PatchedAgentDataRequestGuards",
    "PatchedCategoryDataRequest",
    "PatchedContactDataRequest",
    "PatchedCorrectionRequest",
    "PatchedDeviceChangeRequest",
    "PatchedEndpointChangeRequest",
    "PatchedEndpointChangeRequestHeaders",
    "PatchedValidityRequest",
    "PauseRequest",
    "QuestionRequest",
    "RefreshRequest",
    "Refusal",
    "RefusalFields",
    "ReplayRequest",
    "Restored",
    "RestoreRequest",
    "RowData",
    "Scores",
    "Secret",
    "SignEnum",
    "StageData",
    "StageDataKindEnum",
    "StartPairingRequest",
    "StepData",
    "StepDataData",
    "StillWorking",
    "StillWorkingFields",
    "SumsData",
    "TestEnum",
    "TokensShown",
    "Triggered",
    "TriggerRequest",
    "TurnData",
    "TurnOutcome",
    "TurnsListOutcome",
    "TurnsListStatus",
    "TurnState",
    "TurnWhole",
    "UploadRequest",
    "UsageData",
    "ValueData",
    "ValueDataOriginEnum",
    "VersionData",
    "WebhooksDeliveriesListStatus",
    "WebhooksDeliveriesListType",
)
