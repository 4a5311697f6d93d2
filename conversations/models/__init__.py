from conversations.models.contacts import Contact as Contact
from conversations.models.contacts import ContactAddress as ContactAddress
from conversations.models.conversations import Conversation as Conversation
from conversations.models.messages import InboundMessage as InboundMessage
from conversations.models.messages import OutboundMessage as OutboundMessage
from conversations.models.turns import Turn as Turn
from conversations.models.turns import TurnStep as TurnStep
