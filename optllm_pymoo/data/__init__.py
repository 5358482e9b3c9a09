"""Reading and writing batches of queries with the outcomes and costs of several LLMs."""

from optllm_pymoo.data.atomic import replacing, replacing_folder, write_text_atomically
from optllm_pymoo.data.csv import write_csv
from optllm_pymoo.data.dataset import Dataset, Frames, providers_of
from optllm_pymoo.data.folder import load_dataset, save_dataset
from optllm_pymoo.data.prices import PriceTable
from optllm_pymoo.data.source import DataFileError, DataFileWarning
from optllm_pymoo.data.synthetic import make_dataset
from optllm_pymoo.data.tables import convert, load_latency, read_outcomes, read_table, write_table

__all__ = [
    "DataFileError",
    "DataFileWarning",
    "Dataset",
    "Frames",
    "PriceTable",
    "convert",
    "load_dataset",
    "load_latency",
    "make_dataset",
    "providers_of",
    "read_outcomes",
    "read_table",
    "replacing",
    "replacing_folder",
    "save_dataset",
    "write_csv",
    "write_table",
    "write_text_atomically",
]
