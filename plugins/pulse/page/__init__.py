"""The page inside Airflow: what arrived and what was stopped, communities, months, and SQL.

    published file ─┐
                    ├─▶ snapshot ──▶ a module per view (queries, what is shown) ──▶ templates ──▶ app
    quality, newer ─┘

It is served by whoever mounts :func:`pulse.page.app.create_app` and says who asks (:mod:`pulse.page.access`). It takes
no lock, never opens the working warehouse, and changes nothing: a release is asked for, and a run does it.
docs/page.md says what each view shows, docs/security.md what it refuses.
"""
