from integrations.models.breakers import Breaker as Breaker
from integrations.models.choices import ModelChoice as ModelChoice
from integrations.models.credentials import Credential as Credential
from integrations.models.spending import Budget as Budget
from integrations.models.spending import ModelCall as ModelCall
from integrations.models.spending import Reservation as Reservation
from integrations.models.spending import Spend as Spend
