"""Reading and writing batches of queries with the outcomes and costs of several LLMs."""

from optllm_pymoo.data.atomic import replacing, replacing_folder, write_text_atomically
from optllm_pymoo.data.dataset import Dataset
from optllm_pymoo.data.errors import DataFileError
from optllm_pymoo.data.folder import load_dataset, save_dataset
from optllm_pymoo.data.frames import Frames
from optllm_pymoo.data.latency import load_latency
from optllm_pymoo.data.prices import PriceTable
from optllm_pymoo.data.synthetic import make_dataset
from optllm_pymoo.data.tables import convert, read_table, write_table
from optllm_pymoo.data.unused import UnusedColumnsWarning
from optllm_pymoo.data.wide import read_wide, wide_frame, write_wide

__all__ = [
    "DataFileError",
    "Dataset",
    "Frames",
    "PriceTable",
    "UnusedColumnsWarning",
    "convert",
    "load_dataset",
    "load_latency",
    "make_dataset",
    "read_table",
    "read_wide",
    "replacing",
    "replacing_folder",
    "save_dataset",
    "wide_frame",
    "write_table",
    "write_text_atomically",
    "write_wide",
]
