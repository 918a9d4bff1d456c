"""What Airflow finds in its plugins folder. It does nothing by itself: see ``pulse/orchestration/listeners.py``."""

from airflow.plugins_manager import AirflowPlugin

from pulse.orchestration import listeners as our_listeners


class CommunityPulse(AirflowPlugin):
    """Names runs after what they cover, and shows our errors as one line."""

    name = "community_pulse"
    listeners = (our_listeners,)
