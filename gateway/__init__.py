"""The station's gateway: polls, judges, sounds the siren, stores durably, forwards. `python -m gateway
station.toml`.
"""
