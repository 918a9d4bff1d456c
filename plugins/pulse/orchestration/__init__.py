"""Everything that touches Airflow: the tasks and their order, retries, alerts, runs in this process, and its UI."""
