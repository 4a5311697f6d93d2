from integrations.admin import breakers as breakers
from integrations.admin import budgets as budgets
from integrations.admin import choices as choices
from integrations.admin import credentials as credentials
from integrations.admin import prices as prices
from integrations.admin import spending as spending
