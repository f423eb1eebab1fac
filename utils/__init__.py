"""What would be copied unchanged into another project.

Its first import comes before TensorFlow's and quietens TensorFlow's start-up chatter.
"""
import os
import warnings

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
warnings.filterwarnings('ignore', category=FutureWarning)
