/** A way to gain more rights than one was given: who may do all of these may take over somebody else's rights. */
export interface EscalationMethod {
  name: string;
  actions: readonly string[];
}

/**
 * Known methods. Numbers 1 to 21: Spencer Gietzen, Rhino Security Labs, "AWS IAM Privilege Escalation – Methods and
 * Mitigation" (https://rhinosecuritylabs.com/aws/aws-privilege-escalation-methods-mitigation/) and its second part
 * (https://rhinosecuritylabs.com/aws/aws-iam-privilege-escalation-methods-part-2/: CodeStar, Lambda layers, SageMaker).
 * The rest: https://pathfinding.cloud (Datadog), by way of cloudsplaining 0.9.1.
 */
export const ESCALATION_METHODS: readonly EscalationMethod[] = [
  method('write a new version of a policy', 'iam:CreatePolicyVersion'),
  method('switch a policy to another version', 'iam:SetDefaultPolicyVersion'),
  method('start an EC2 instance with a role', 'iam:PassRole', 'ec2:RunInstances'),
  method("make an access key for somebody's user", 'iam:CreateAccessKey'),
  method("set a first password for somebody's user", 'iam:CreateLoginProfile'),
  method("change the password of somebody's user", 'iam:UpdateLoginProfile'),
  method('attach a policy to a user', 'iam:AttachUserPolicy'),
  method('attach a policy to a group', 'iam:AttachGroupPolicy'),
  method('attach a policy to a role', 'iam:AttachRolePolicy'),
  method('write an inline policy of a user', 'iam:PutUserPolicy'),
  method('write an inline policy of a group', 'iam:PutGroupPolicy'),
  method('write an inline policy of a role', 'iam:PutRolePolicy'),
  method('join a group', 'iam:AddUserToGroup'),
  method('change who may assume a role', 'iam:UpdateAssumeRolePolicy'),
  method('run a new Lambda function as a role', 'iam:PassRole', 'lambda:CreateFunction', 'lambda:InvokeFunction'),
  method(
    'have an event run a new Lambda function as a role',
    'iam:PassRole',
    'lambda:CreateFunction',
    'lambda:CreateEventSourceMapping',
  ),
  method('change the code of a Lambda function', 'lambda:UpdateFunctionCode'),
  method('start a Glue endpoint with a role', 'iam:PassRole', 'glue:CreateDevEndpoint'),
  method('put an own key on a Glue endpoint', 'glue:UpdateDevEndpoint'),
  method('make a CloudFormation stack with a role', 'iam:PassRole', 'cloudformation:CreateStack'),
  method(
    'run a data pipeline as a role',
    'iam:PassRole',
    'datapipeline:CreatePipeline',
    'datapipeline:PutPipelineDefinition',
    'datapipeline:ActivatePipeline',
  ),
  method('make a CodeStar project with a role', 'iam:PassRole', 'codestar:CreateProject'),
  method('make a CodeStar project from a template', 'codestar:CreateProjectFromTemplate'),
  method('join a CodeStar project as its owner', 'codestar:CreateProject', 'codestar:AssociateTeamMember'),
  method('put a layer under a Lambda function', 'lambda:UpdateFunctionConfiguration'),
  method('open a SageMaker notebook', 'sagemaker:CreatePresignedNotebookInstanceUrl'),
  method('make a SageMaker notebook with a role', 'iam:PassRole', 'sagemaker:CreateNotebookInstance'),
  method('run a SageMaker training job as a role', 'iam:PassRole', 'sagemaker:CreateTrainingJob'),
  method('run a SageMaker processing job as a role', 'iam:PassRole', 'sagemaker:CreateProcessingJob'),
  method(
    'let an outsider invoke a new Lambda function',
    'iam:PassRole',
    'lambda:CreateFunction',
    'lambda:AddPermission',
  ),
  method('ask for a spot instance with a role', 'iam:PassRole', 'ec2:RequestSpotInstances'),
  method(
    'change the start script of an EC2 instance',
    'ec2:ModifyInstanceAttribute',
    'ec2:StopInstances',
    'ec2:StartInstances',
  ),
  method('change a launch template', 'ec2:CreateLaunchTemplateVersion', 'ec2:ModifyLaunchTemplate'),
  method('execute a change set of a stack', 'cloudformation:CreateChangeSet', 'cloudformation:ExecuteChangeSet'),
  method(
    'make a CloudFormation stack set with a role',
    'iam:PassRole',
    'cloudformation:CreateStackSet',
    'cloudformation:CreateStackInstances',
  ),
  method('change a CloudFormation stack set with a role', 'iam:PassRole', 'cloudformation:UpdateStackSet'),
  method('build with a role (CodeBuild)', 'iam:PassRole', 'codebuild:CreateProject', 'codebuild:StartBuild'),
  method(
    'build in a batch with a role (CodeBuild)',
    'iam:PassRole',
    'codebuild:CreateProject',
    'codebuild:StartBuildBatch',
  ),
  method('run an ECS task as a role', 'iam:PassRole', 'ecs:RegisterTaskDefinition', 'ecs:RunTask'),
  method('start an ECS task as a role', 'iam:PassRole', 'ecs:RegisterTaskDefinition', 'ecs:StartTask'),
  method('run an ECS service as a role', 'iam:PassRole', 'ecs:RegisterTaskDefinition', 'ecs:CreateService'),
  method('run a command in an ECS task', 'ecs:ExecuteCommand', 'ecs:DescribeTasks'),
  method('run a new Glue job as a role', 'iam:PassRole', 'glue:CreateJob', 'glue:StartJobRun'),
  method('have a trigger run a new Glue job as a role', 'iam:PassRole', 'glue:CreateJob', 'glue:CreateTrigger'),
  method('run a changed Glue job as a role', 'iam:PassRole', 'glue:UpdateJob', 'glue:StartJobRun'),
  method('have a trigger run a changed Glue job as a role', 'iam:PassRole', 'glue:UpdateJob', 'glue:CreateTrigger'),
  method('run an App Runner service as a role', 'iam:PassRole', 'apprunner:CreateService'),
];

function method(name: string, ...actions: readonly string[]): EscalationMethod {
  return { name, actions };
}
