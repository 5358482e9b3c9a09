"""Reading and writing batches of queries with the outcomes and costs of several LLMs."""

from optllm_pymoo.data.dataset import Dataset
from optllm_pymoo.data.errors import DataFileError
from optllm_pymoo.data.folder import load_dataset

__all__ = ["DataFileError", "Dataset", "load_dataset"]
