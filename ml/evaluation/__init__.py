"""How good an encoder is: what its vectors tell about labelled images that it never learnt the labels of."""
