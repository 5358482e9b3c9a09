"""Reading and writing batches of queries with the outcomes and costs of several LLMs."""

from optllm_pymoo.data.atomic import replacing, replacing_folder, write_text_atomically
from optllm_pymoo.data.collect import Collected, FileCount, collect
from optllm_pymoo.data.csv import write_csv
from optllm_pymoo.data.dataset import Dataset, Frames
from optllm_pymoo.data.folder import Batch, load_batch, load_dataset, save_batch, save_dataset
from optllm_pymoo.data.logs import read_log
from optllm_pymoo.data.prices import Price, PriceTable, Tier
from optllm_pymoo.data.requests import Ledger, RequestFiles, write_requests
from optllm_pymoo.data.source import DataFileError, DataFileWarning
from optllm_pymoo.data.synthetic import make_dataset
from optllm_pymoo.data.tables import convert, load_latency, read_outcomes, read_table, write_table

__all__ = [
    "Batch",
    "Collected",
    "DataFileError",
    "DataFileWarning",
    "Dataset",
    "FileCount",
    "Frames",
    "Ledger",
    "Price",
    "PriceTable",
    "RequestFiles",
    "Tier",
    "collect",
    "convert",
    "load_batch",
    "load_dataset",
    "load_latency",
    "make_dataset",
    "read_log",
    "read_outcomes",
    "read_table",
    "replacing",
    "replacing_folder",
    "save_batch",
    "save_dataset",
    "write_csv",
    "write_requests",
    "write_table",
    "write_text_atomically",
]
