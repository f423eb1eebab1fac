"""What would be copied unchanged into another project.

Its first import comes before TensorFlow's, which is quiet then, and before those of a script.
"""
import sys

from utils.entry import begin
from utils.startup import quieten_tensorflow

quieten_tensorflow()
begin(sys.argv)
