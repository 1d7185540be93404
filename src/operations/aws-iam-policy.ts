export { awsIamPolicy as operation } from './aws-iam-policy/aws-iam-policy.js';
