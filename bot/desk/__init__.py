"""The agents' desk: who may come in, what they see, what they do. It knows the way, and no platform."""

from bot.desk.app import desk_app, people_routes
from bot.desk.leaving import set_active, set_role
from bot.desk.people import Credentials, add_agent, first_agents, set_name, set_password, set_picture

__all__ = [
    "Credentials",
    "add_agent",
    "desk_app",
    "first_agents",
    "people_routes",
    "set_active",
    "set_name",
    "set_password",
    "set_picture",
    "set_role",
]
