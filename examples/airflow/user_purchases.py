"""Every night: compute the purchase features, publish them as one batch, check what is served.

Needs `spark-submit` and `fieldstone` in the PATH of the workers, and `redis` from PyPI. Settings
come from the environment: FIELDSTONE_SERVER, ORDERS, EXPORTS. A task that fails changes nothing
that is served, and may be run again.
"""

import datetime
import os
import pathlib

import pendulum
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

HERE = pathlib.Path(__file__).resolve().parent
SPARK = HERE.parent / "spark"
SERVER = os.environ.get("FIELDSTONE_SERVER", "127.0.0.1:6379")
ORDERS = os.environ.get("ORDERS", "/srv/orders.csv")
EXPORTS = os.environ.get("EXPORTS", "/srv/exports/user_purchases")
DS = "{{ ds }}"

with DAG(
    "user_purchases",
    schedule="15 0 * * *",
    start_date=pendulum.datetime(2026, 11, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": datetime.timedelta(minutes=5)},
):
    compute = BashOperator(
        task_id="compute",
        bash_command=f"spark-submit {SPARK}/user_purchases.py"
        f" --orders {ORDERS} --out {EXPORTS} --ds {DS}",
    )
    declare = BashOperator(
        task_id="declare",
        bash_command=f"fieldstone apply {SPARK}/views.toml --server {SERVER}",
    )
    load = BashOperator(
        task_id="load",
        bash_command=f"fieldstone load user_purchases {EXPORTS} --where ds={DS}"
        f" --set tenant=A --server {SERVER}",
    )
    check = BashOperator(
        task_id="check",
        bash_command=f"python3 {HERE}/check_batch.py user_purchases --ds {DS} --server {SERVER}",
    )
    [compute, declare] >> load >> check
