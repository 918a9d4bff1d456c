"""How figures, states and colours are shown to people, whether in the report or on the page in Airflow."""
